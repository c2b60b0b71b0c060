// The host's own page tables (SDM 3A 4.5): built once, then extended by the mappings that core asks for.
// No page is writable and executable; address 0 and the pages below each stack are not mapped.
#include "runtime.h"

enum { PRESENT = 1, WRITABLE = 2, LARGE = 0x80, TABLES = 256 };
#define NX (1ull << 63)
#define ADDRESS 0x000FFFFFFFFFF000ull

static u64 tables[TABLES][512] __attribute__((aligned(4096)));
static u32 tables_used; // tables[0] is the PML4
static u64 offset;      // replica_offset, which is the next CPU's later

// The image is mapped where it was loaded, but for what each CPU has of its own.
u64 paging_physical(const void *linear) {
  u64 address = (u64)linear;
  return address >= (u64)writable_start && address < (u64)writable_end ? address + offset : address;
}

static u64 *next_level(u64 *entry) {
  if (!(*entry & PRESENT)) {
    if (tables_used == TABLES) return NULL;
    *entry = paging_physical(tables[tables_used++]) | WRITABLE | PRESENT;
  }
  return (u64 *)((*entry & ADDRESS) - offset);
}

static u64 *entry_of(u64 address, u32 level) {
  u64 *table = tables[0];
  for (u32 l = 3; l > level; l--) {
    u64 *entry = &table[address >> (12 + 9 * l) & 511];
    if ((*entry & LARGE) || !(table = next_level(entry))) return NULL;
  }
  return &table[address >> (12 + 9 * level) & 511];
}

// Maps [address, address + bytes) to [physical, …), all multiples of 4 KiB, with 2 MiB pages where alignment allows.
// False: no table left, a large page in the way, or a page that would be writable and executable.
bool paging_map(u64 address, u64 physical, u64 bytes, u32 flags) {
  if ((flags & PAGE_EXECUTE) && (flags & WRITABLE)) return false;
  u64 size, bits = (flags & 0xFF) | (flags & PAGE_EXECUTE ? 0 : NX);
  for (; bytes > 0; address += size, physical += size, bytes -= size) {
    bool large = bytes >= LARGE_PAGE_SIZE && (address | physical) % LARGE_PAGE_SIZE == 0;
    u64 *entry = entry_of(address, large);
    size = large ? LARGE_PAGE_SIZE : PAGE_SIZE;
    if (!entry || (large && (*entry & PRESENT) && !(*entry & LARGE))) return false;
    *entry = physical | bits | (large ? LARGE : 0);
    __asm__ volatile("invlpg (%0)" : : "r"(address) : "memory");
  }
  return true;
}

static u8 core_state[INSTANCE_STATE_BYTES] __attribute__((aligned(4096)));

static void map_image(const u8 *start, const u8 *end, u32 flags) {
  paging_map((u64)start, paging_physical(start), (u64)(end - start), flags);
}

// Of a CPU that another one has started, all is that one's copy (hardware.h's cloneTo): its tables are made anew, and
// only the screen stays what it is.
void paging_start(void) {
  u64 *terminal = &tables[0][INSTANCE_SLOT(TERMINAL_INSTANCE) >> 39], terminal_entry = *terminal;
  offset = replica_offset;
  memset(tables, 0, tables_used * PAGE_SIZE);
  tables_used = 1;
  *terminal = terminal_entry;
  map_image(image_start, text_start, PAGE_READ);
  map_image(text_start, text_end, PAGE_READ | PAGE_EXECUTE);
  map_image(rodata_start, shared_start, PAGE_READ);
  map_image(shared_start, shared_end, PAGE_WRITE);
  map_image(writable_start, data_end, PAGE_WRITE);
  map_image(core_stack_bottom, core_stack_top, PAGE_WRITE);
  map_image(vmm_stack_bottom, vmm_stack_top, PAGE_WRITE);
  map_image(symbols_start, image_end, PAGE_READ);
  for (u32 n = 0; n < IST_STACKS; n++) map_image(IST_STACK_TOP(n) - IST_STACK_BYTES, IST_STACK_TOP(n), PAGE_WRITE);
  paging_map(INSTANCE_STATE(CORE_INSTANCE), paging_physical(core_state), sizeof core_state, PAGE_WRITE);
  paging_map(INSTANCE_MEMORY(CORE_INSTANCE), paging_physical(core_memory_start), CORE_BYTES, PAGE_WRITE);
  __asm__ volatile("mov %0, %%cr3" : : "r"(paging_physical(tables)) : "memory");
}
