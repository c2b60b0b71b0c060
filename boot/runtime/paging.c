// The host's own page tables (SDM 3A 4.5): built once, then extended by the mappings that core asks for.
// No page is writable and executable; address 0 and the pages below each stack are not mapped.
#include "runtime.h"

enum { PRESENT = 1, WRITABLE = 2, LARGE = 0x80, TABLES = 192 };
#define NX (1ull << 63)
#define ADDRESS 0x000FFFFFFFFFF000ull

static u64 tables[TABLES][512] __attribute__((aligned(4096)));
static u32 tables_used = 1; // tables[0] is the PML4

// The tables lie in the image, which is mapped where it was loaded: a physical address is a pointer.
static u64 *next_level(u64 *entry) {
  if (!(*entry & PRESENT)) {
    if (tables_used == TABLES)
      return NULL;
    *entry = (u64)tables[tables_used++] | WRITABLE | PRESENT;
  }
  return (u64 *)(*entry & ADDRESS);
}

static u64 *entry_of(u64 address, u32 level) {
  u64 *table = tables[0];
  for (u32 l = 3; l > level; l--) {
    u64 *entry = &table[address >> (12 + 9 * l) & 511];
    if ((*entry & LARGE) || !(table = next_level(entry)))
      return NULL;
  }
  return &table[address >> (12 + 9 * level) & 511];
}

// Maps [address, address + bytes) to [physical, …), all multiples of 4 KiB, with 2 MiB pages where alignment allows.
// False: no table left, a large page in the way, or a page that would be writable and executable.
bool paging_map(u64 address, u64 physical, u64 bytes, u32 flags) {
  if ((flags & PAGE_EXECUTE) && (flags & WRITABLE))
    return false;
  u64 size, bits = (flags & 0xFF) | (flags & PAGE_EXECUTE ? 0 : NX);
  for (; bytes > 0; address += size, physical += size, bytes -= size) {
    bool large = bytes >= LARGE_PAGE_SIZE && (address | physical) % LARGE_PAGE_SIZE == 0;
    u64 *entry = entry_of(address, large);
    size = large ? LARGE_PAGE_SIZE : PAGE_SIZE;
    if (!entry || (large && (*entry & PRESENT) && !(*entry & LARGE)))
      return false;
    *entry = physical | bits | (large ? LARGE : 0);
    __asm__ volatile("invlpg (%0)" : : "r"(address) : "memory");
  }
  return true;
}

static u8 core_state[INSTANCE_STATE_BYTES] __attribute__((aligned(4096)));

void paging_start(void) {
  struct { u8 *start, *end; u32 flags; } parts[] = {
      {image_start, text_start, PAGE_READ},
      {text_start, text_end, PAGE_READ | PAGE_EXECUTE},
      {rodata_start, data_start, PAGE_READ},
      {data_start, data_end, PAGE_WRITE},
      {core_stack_bottom, core_stack_top, PAGE_WRITE},
      {vmm_stack_bottom, vmm_stack_top, PAGE_WRITE},
      {symbols_start, image_end, PAGE_READ},
  };
  for (u32 i = 0; i < sizeof parts / sizeof parts[0]; i++)
    paging_map((u64)parts[i].start, (u64)parts[i].start, (u64)(parts[i].end - parts[i].start), parts[i].flags);
  for (u32 i = 0; i < IST_STACKS; i++) {
    u64 bottom = (u64)ist_stacks_start + i * IST_STACK_STRIDE + PAGE_SIZE;
    paging_map(bottom, bottom, IST_STACK_STRIDE - PAGE_SIZE, PAGE_WRITE);
  }
  paging_map(INSTANCE_STATE(CORE_INSTANCE), (u64)core_state, sizeof core_state, PAGE_WRITE);
  paging_map(INSTANCE_MEMORY(CORE_INSTANCE), (u64)core_memory_start, (u64)(core_memory_end - core_memory_start),
             PAGE_WRITE);
  __asm__ volatile("mov %0, %%cr3" : : "r"(tables[0]) : "memory");
}
