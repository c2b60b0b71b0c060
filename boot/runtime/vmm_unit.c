// The vmm module: wasm2c's output as one translation unit, all of its code in linker.ld's vmm text.
#include "vmm.h"

struct w2c_env {
  struct w2c_host host;
};

static void w2c_env_abort(struct w2c_env *env, u32 message, u32 file, u32 line, u32 column) {
  (void)column;
  vmm_abort(&env->host, message, file, line);
}

#include "vmm_module.c.inc"

u32 vmm_entry_start(void *instance, u32 argument) { return w2c_vmm_start(instance), (void)argument, 0; }
u32 vmm_entry_create(void *instance, u32 argument) { return w2c_vmm_create(instance, argument); }
u32 vmm_entry_reset(void *instance, u32 argument) { return w2c_vmm_reset(instance, argument); }
u32 vmm_entry_exit(void *instance, u32 argument) { return w2c_vmm_exit(instance, argument); }

void vmm_instance_create(void *state, struct w2c_host *host) {
  _Static_assert(sizeof(w2c_vmm) <= PAGE_SIZE, "the function table lies behind the first page");
  wasm2c_vmm_instantiate(state, (struct w2c_env *)host, host);
}
