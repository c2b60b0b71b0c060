// The vmm module: wasm2c's output as one translation unit, all of its code in linker.ld's vmm text.
#include "runtime.h"

struct w2c_env { struct w2c_host host; };

static void w2c_env_abort(struct w2c_env *env, u32 message, u32 file, u32 line, u32 column) {
  vmm_abort(&env->host, message, file, line);
}

#include "vmm_module.c.inc"

// In the order of hv/core/vmm.ts's VMM_ENTRY_*. `start` takes no argument and has no answer: core uses neither.
void *const vmm_entries[VMM_ENTRIES] = {w2c_vmm_start, w2c_vmm_create, w2c_vmm_reset, w2c_vmm_exit};

void vmm_instance_create(void *state, struct w2c_host *host) {
  _Static_assert(sizeof(w2c_vmm) <= PAGE_SIZE, "the function table lies behind the first page");
  wasm2c_vmm_instantiate(state, (struct w2c_env *)host, host);
}
