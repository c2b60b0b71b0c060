// The core module: its imports and wasm2c's output as one translation unit, so that an import costs what it does.
#include "hardware.h"

struct w2c_env; // the base of core's memory too

static void w2c_env_abort(struct w2c_env *env, u32 message, u32 file, u32 line, u32 column) {
  put_assertion((u8 *)env, 0, CORE_BYTES, message, file, line, column);
  panic_at(RESULT_ASSERTION, "assertion", CALL_SITE, CALLER_FRAME);
}

_Noreturn void vmcs_access_failed(const char *instruction, u32 field) {
  panic_start();
  put(instruction, " of the field with encoding "), put_hex(field, 4), put(" failed\n");
  panic_at(RESULT_VMCS_ACCESS, "vmcs-access", CALL_SITE, CALLER_FRAME);
}

u32 w2c_hardware_symbolAt(struct w2c_hardware *h, u64 address, u32 out, u32 capacity) {
  u64 offset;
  const char *name = symbol_of(address, &offset);
  return name ? copy_text(name, (char *)h->memory + out, capacity) : 0;
}

void w2c_hardware_announceResult(struct w2c_hardware *h, u32 result, u32 name) {
  char text[64];
  text[copy_string(h->memory, 0, CORE_BYTES, name, text, sizeof text - 1)] = 0;
  announce(result, text);
}

#include "core_module.c.inc"

u64 shared_words[SHARED_WORDS] SHARED;

// From entry.asm, in long mode on core's stack: sets the machine up for core, and calls it. A CPU that another one has
// started finds core as that one left it.
_Noreturn void runtime_start(u32 kind, u32 information) {
  enum { BOOT_KIND_PROCESSOR = 3 }; // entry.asm
  w2c_core *core = (w2c_core *)INSTANCE_STATE(CORE_INSTANCE);
  _Static_assert(sizeof *core <= PAGE_SIZE, "the function table lies behind the first page");
  paging_start();
  traps_start();
  if (kind == BOOT_KIND_PROCESSOR) w2c_core_join(core), __builtin_trap();
  terminal_start();
  void *memory = (void *)INSTANCE_MEMORY(CORE_INSTANCE);
  wasm2c_core_instantiate(core, memory, memory);
  w2c_core_start(core);
  w2c_core_boot(core, kind, information);
  __builtin_trap(); // core ends by endMachine
}
