// vmm instances: their memory, calls into them, and what stops a call that does not return.
#include "runtime.h"

// A vmm call that takes longer than this many TSC ticks ends its VM: 33 ms at 3 GHz. They count from the first timer
// interrupt in it, because under another hypervisor the TSC also runs while this CPU does not.
#define TIME_BUDGET 100000000ull // 8 times that for loading a guest

struct vmm_trap_record vmm_trap_record;
static struct w2c_host hosts[MAX_VMS];
static u64 deadline; u64 vmm_guest_cr2; // no VM exit saves it, and a page fault that populates changes it
u32 vmm_running, vmm_timer_ticks, vmm_budget_is_spent; // of the call that runs; an import looks at the last and unwinds

u32 w2c_core_populate(void *core, u32 memory, u64 address);
#define core_populate(...) w2c_core_populate((void *)INSTANCE_STATE(CORE_INSTANCE), __VA_ARGS__)

bool vmm_is_running(void) { return *(volatile u64 *)&vmm_escape_stack != 0; }

// vmm's own code, and the functions that it shares with the rest and that hold no state (linker.ld puts them together).
bool vmm_code_holds(u64 rip) { return rip >= (u64)vmm_text_start && rip < (u64)vmm_text_end; }

// VMM_POPULATED: the page is there by now, as core has put one where guest RAM had none.
u64 vmm_fault_kind(u64 address, bool is_present) {
  u64 reservation = INSTANCE_SLOT(VMM_INSTANCE(vmm_running)), offset = address - (reservation + GIB);
  const struct w2c_host *host = &hosts[vmm_running];
  if (offset < host->ram_bytes && !is_present) {
    u64 start = read_tsc(), is_there = core_populate(host->ram, offset);
    deadline += read_tsc() - start; // zeroing is core's time: a kernel and its initrd take dozens of blocks in one call
    return is_there ? VMM_POPULATED : VMM_TRAP_NO_RAM;
  }
  if (address >= reservation && address < reservation + GIB + RESERVATION_BYTES)
    return VMM_TRAP_OUT_OF_BOUNDS;
  if (address < (u64)vmm_stack_bottom && address >= (u64)vmm_stack_bottom - VMM_STACK_GUARD)
    return VMM_TRAP_STACK_EXHAUSTED;
  return VMM_TRAP_EXCEPTION;
}

// `address` is the faulting linear address; inside the reservation it is told as vmm knows it.
void vmm_record_trap(u32 kind, u64 address, u64 rip, u64 rbp) {
  if (kind == VMM_TRAP_OUT_OF_BOUNDS && address) address -= INSTANCE_MEMORY(VMM_INSTANCE(vmm_running));
  vmm_trap_record = (struct vmm_trap_record){.kind = kind, .address = address};
  vmm_budget_is_spent = 0;
  vmm_trap_record.frame_count = backtrace(rip, rbp, vmm_trap_record.frames, VMM_TRAP_FRAMES);
}

// Unwinds from interrupted vmm code: the interrupt's return goes to vmm_escape instead of to where it came from.
void vmm_unwind(struct trap_frame *f, u32 kind, u64 address) {
  vmm_record_trap(kind, address, f->rip, f->rbp);
  f->rip = (u64)vmm_escape;
  f->rdi = kind;
  f->rflags &= ~0x600ull; // IF and DF
}

void vmm_timer_tick(struct trap_frame *f) {
  if (!vmm_is_running()) return;
  if ((u16)vmm_timer_ticks++ == 0) deadline = read_tsc() + (vmm_timer_ticks >> 16 ? 8 : 1) * TIME_BUDGET;
  if (read_tsc() < deadline || (u16)vmm_timer_ticks < 3) return; // an emulator may have stood still between two
  if (vmm_code_holds(f->rip)) vmm_unwind(f, VMM_TRAP_TIME_BUDGET, 0);
  else vmm_budget_is_spent = 1;
}

// Maps physical memory other than the image into a linear memory, core's behind what it has of the image. Statuses of
// this and the next three: 0, or 1 where the arguments name what may not be.
static u32 map(u32 instance, u64 address, u64 physical, u64 bytes, u32 flags) {
  bool in_image = physical < (u64)image_end && physical + bytes > (u64)image_start;
  return ((address | physical | bytes) & (PAGE_SIZE - 1)) || bytes == 0 || physical + bytes < physical || in_image ||
         address >= 4 * GIB || bytes > 4 * GIB - address ||
         !paging_map(INSTANCE_MEMORY(instance) + address, physical, bytes, flags & PAGE_WRITE);
}
u32 w2c_hardware_coreMap(struct w2c_hardware *h, u32 address, u64 physical, u64 bytes, u32 flags) {
  return address < CORE_BYTES || map(CORE_INSTANCE, address, physical, bytes, flags);
}
u32 w2c_hardware_vmmMap(struct w2c_hardware *h, u32 vm, u64 address, u64 physical, u64 bytes, u32 flags) {
  u32 status = vm >= MAX_VMS || map(VMM_INSTANCE(vm), address, physical, bytes, flags);
  if (status == 0 && address == MODULE_OWN_START) hosts[vm].own_bytes = flags ? bytes : 0;
  return status;
}

// Creates the instance in memory that vmmMap has populated from MODULE_OWN_START on, its state at `physical`, where 0
// takes it away; or takes over one that is not new. `ram` is for core's `populate`.
u32 w2c_hardware_vmmInstantiate(struct w2c_hardware *h, u32 vm, u64 physical, u64 ram_bytes, u32 ram, u32 is_new) {
  u64 state = INSTANCE_STATE(VMM_INSTANCE(vm));
  if (vm >= MAX_VMS || (physical && (hosts[vm].own_bytes == 0 || physical < (u64)image_end)) ||
      !paging_map(state, physical, INSTANCE_STATE_BYTES, physical ? PAGE_WRITE : 0))
    return 1;
  hosts[vm] = (struct w2c_host){(u8 *)INSTANCE_MEMORY(VMM_INSTANCE(vm)), hosts[vm].own_bytes, ram_bytes, ram};
  if (is_new) vmm_instance_create((void *)state, &hosts[vm]);
  return 0;
}

// host.clock of hv/vmm/host.ts: the time-stamp counter.
u64 w2c_host_clock(struct w2c_host *host) {
  u64 now = read_tsc();
  if (vmm_budget_is_spent) {
    vmm_record_trap(VMM_TRAP_TIME_BUDGET, 0, CALL_SITE, CALLER_FRAME);
    vmm_escape(VMM_TRAP_TIME_BUDGET);
  }
  return now;
}

#define COPY(pointer, out) copy_string(host->memory, MODULE_OWN_START, host->own_bytes, pointer, out, sizeof(out))
// AssemblyScript's abort(message, file, line, column): the strings are copied only from vmm's own data.
void vmm_abort(struct w2c_host *host, u32 message, u32 file, u32 line) {
  struct vmm_trap_record *record = &vmm_trap_record;
  vmm_record_trap(VMM_TRAP_ABORT, 0, CALL_SITE, CALLER_FRAME);
  record->line = line;
  record->message_length = COPY(message, record->message);
  record->file_length = COPY(file, record->file);
  vmm_escape(VMM_TRAP_ABORT);
}
