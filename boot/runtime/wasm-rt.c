// Wasm instances: their memories, function tables and traps (wasm-rt.h).
#include "wasm-rt.h"
#include "runtime.h"

// A memory's base address follows from where its structure lies: instance state and linear memory are at a fixed
// distance (runtime.h).
void wasm_rt_allocate_memory(wasm_rt_memory_t *memory, u64 pages, u64 max_pages, bool is64, u32 page_size) {
  u64 state = (u64)memory & ~(INSTANCE_GAP - 1);
  *memory = (wasm_rt_memory_t){(u8 *)(state + INSTANCE_GAP), pages, max_pages, pages * page_size};
}

// The table lies behind the instance's structure, so that it goes when the instance goes.
void wasm_rt_allocate_funcref_table(wasm_rt_funcref_table_t *table, uint32_t size, uint32_t max_size) {
  u64 state = (u64)table & ~(INSTANCE_GAP - 1);
  if (size > (INSTANCE_STATE_BYTES - PAGE_SIZE) / sizeof(wasm_rt_funcref_t)) wasm_rt_trap(WASM_RT_TRAP_OOB);
  *table = (wasm_rt_funcref_table_t){(wasm_rt_funcref_t *)(state + PAGE_SIZE), max_size, size};
}

_Noreturn void wasm_rt_trap(wasm_rt_trap_t kind) {
  static const struct { const char *text; u32 vmm_kind; } kinds[] = { // in the order of wasm_rt_trap_t
      {"out-of-bounds access", VMM_TRAP_OUT_OF_BOUNDS}, {"integer overflow", VMM_TRAP_ARITHMETIC},
      {"division by zero", VMM_TRAP_ARITHMETIC}, {"invalid conversion", VMM_TRAP_ARITHMETIC},
      {"unreachable", VMM_TRAP_UNREACHABLE}, {"indirect call of a wrong type", VMM_TRAP_INDIRECT_CALL}};
  u64 rip = CALL_SITE, rbp = CALLER_FRAME;
  if (vmm_is_running()) {
    vmm_record_trap(kinds[kind].vmm_kind, 0, rip, rbp);
    vmm_escape(kinds[kind].vmm_kind);
  }
  panic_start();
  put("Wasm trap: ", kinds[kind].text, "\n");
  panic_at(RESULT_CORE_TRAP, "core-trap", rip, rbp);
}
