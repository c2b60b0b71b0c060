// memcpy and its like: gcc and clang may call them in freestanding code, and wasm2c's output calls them.
// Interruptible and free of state, so a vmm may be unwound out of them (vmm_code_holds).
#include "runtime.h"

void *memcpy(void *restrict to, const void *restrict from, size_t n) {
  void *start = to;
  size_t words = n / 8, bytes = n % 8;
  __asm__ volatile("rep movsq\n\tmov %3, %2\n\trep movsb" : "+D"(to), "+S"(from), "+c"(words) : "r"(bytes) : "memory");
  return start;
}

void *memset(void *to, int value, size_t n) {
  void *start = to;
  size_t words = n / 8, bytes = n % 8;
  u64 eight = (u8)value * 0x0101010101010101ull;
  __asm__ volatile("rep stosq\n\tmov %2, %1\n\trep stosb" : "+D"(to), "+c"(words) : "r"(bytes), "a"(eight) : "memory");
  return start;
}

void *memmove(void *to, const void *from, size_t n) {
  if ((uintptr_t)to - (uintptr_t)from >= n) return memcpy(to, from, n);
  const void *last = (const u8 *)from + n - 1, *target = (u8 *)to + n - 1;
  __asm__ volatile("std\n\trep movsb\n\tcld" : "+D"(target), "+S"(last), "+c"(n) : : "memory");
  return to;
}
