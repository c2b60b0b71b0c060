// Between the vmm module's C and the runtime.
#pragma once
#include "runtime.h"

#define VMM_STACK_GUARD 0x10000ull  // linker.ld

struct w2c_host {
  u8 *memory;
  u64 own_bytes;
};

#define VMM_ENTRIES 4
extern void *const vmm_entries[VMM_ENTRIES]; // each u32 (*)(instance, u32 argument), as vmm_call.asm calls it
void vmm_instance_create(void *state, struct w2c_host *host);
u64 w2c_host_clock(struct w2c_host *host);
void vmm_abort(struct w2c_host *host, u32 message, u32 file, u32 line);

u32 vmm_map(u32 vm, u64 address, u64 physical, u64 bytes);
u32 vmm_instantiate(u32 vm);
u64 vmm_call(u32 vm, u32 entry, u32 argument);
