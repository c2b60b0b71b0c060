// wasm2c's output includes this; the functions are in boot/runtime/string.c.
#pragma once
#include <stddef.h>
void *memcpy(void *restrict to, const void *restrict from, size_t n);
void *memset(void *to, int value, size_t n);
void *memmove(void *to, const void *from, size_t n);
int memcmp(const void *left, const void *right, size_t n);
