// The interface between wasm2c's output (wabt 1.0.39) and this runtime: the subset that integer-only modules with one
// memory and one table use. Bounds are checked by unmapped pages (WASM_RT_MEMCHECK_GUARD_PAGES).
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WABT_BIG_ENDIAN 0
#define WASM_RT_MEMCHECK_GUARD_PAGES 1
#define WASM_RT_USE_SEGUE 0
#define WASM_RT_SANITY_CHECKS 0
#define WASM_RT_STACK_DEPTH_COUNT 0
#define LIKELY(x) __builtin_expect(!!(x), 1)
#define UNLIKELY(x) __builtin_expect(!!(x), 0)
#define wasm_rt_memcpy __builtin_memcpy
#define wasm_rt_is_initialized() true

typedef enum {
  WASM_RT_TRAP_OOB, WASM_RT_TRAP_INT_OVERFLOW, WASM_RT_TRAP_DIV_BY_ZERO, WASM_RT_TRAP_INVALID_CONVERSION,
  WASM_RT_TRAP_UNREACHABLE, WASM_RT_TRAP_CALL_INDIRECT
} wasm_rt_trap_t;
typedef enum { WASM_RT_I32, WASM_RT_I64, WASM_RT_F32, WASM_RT_F64, WASM_RT_V128, WASM_RT_FUNCREF } wasm_rt_type_t;

typedef void (*wasm_rt_function_ptr_t)(void);
typedef struct { void *fn; } wasm_rt_tailcallee_t;
typedef const char *wasm_rt_func_type_t;
typedef struct {
  wasm_rt_func_type_t func_type; wasm_rt_function_ptr_t func;
  wasm_rt_tailcallee_t func_tailcallee; void *module_instance;
} wasm_rt_funcref_t;
static const wasm_rt_funcref_t wasm_rt_funcref_null_value __attribute__((unused));
typedef struct { wasm_rt_funcref_t *data; uint32_t max_size, size; } wasm_rt_funcref_table_t;
typedef void *wasm_rt_externref_t;
static const wasm_rt_externref_t wasm_rt_externref_null_value __attribute__((unused));
typedef struct { wasm_rt_externref_t *data; uint32_t max_size, size; } wasm_rt_externref_table_t;
typedef struct { uint8_t *data; uint64_t pages, max_pages, size; } wasm_rt_memory_t;

_Noreturn void wasm_rt_trap(wasm_rt_trap_t kind);
void wasm_rt_allocate_memory(wasm_rt_memory_t *, uint64_t pages, uint64_t max_pages, bool is64, uint32_t page_size);
static inline uint64_t wasm_rt_grow_memory(wasm_rt_memory_t *memory, uint64_t pages) {
  return pages == 0 ? memory->pages : (uint64_t)-1; // memories have fixed sizes, and the stub runtime aborts by name
}
static inline void wasm_rt_free_memory(wasm_rt_memory_t *memory) {}
void wasm_rt_allocate_funcref_table(wasm_rt_funcref_table_t *table, uint32_t size, uint32_t max_size);
static inline void wasm_rt_free_funcref_table(wasm_rt_funcref_table_t *table) {}
