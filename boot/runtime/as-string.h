// AssemblyScript's strings as the runtime reads them: UTF-16, the length in bytes four bytes before.
#pragma once
#include "runtime.h"

// Copies the string at `pointer` of `memory` as ASCII if it lies in [start, start + bytes); returns its length there.
u32 copy_string(const u8 *memory, u64 start, u64 bytes, u32 pointer, char *out, u32 capacity);
// Says what AssemblyScript's abort of a module says whose own data is [start, start + bytes) of its memory.
void put_assertion(const u8 *memory, u64 start, u64 bytes, u32 message, u32 file, u32 line, u32 column);
u32 copy_text(const char *text, char *out, u32 capacity);
