// Names of functions by address. The table is made from the linked image (tools/build/symbols.ts) and linked last.
#include "runtime.h"

extern const u32 symbol_count, symbol_addresses[], symbol_name_offsets[];
extern const char symbol_names[];

// The function that holds `address`, and how far into it; NULL outside Basalt's code.
const char *symbol_of(u64 address, u64 *offset) {
  if (address < (u64)text_start || address >= (u64)text_end || symbol_count == 0 || address < symbol_addresses[0])
    return NULL;
  u32 n = 1;
  while (n < symbol_count && symbol_addresses[n] <= address)
    n++;
  *offset = address - symbol_addresses[n - 1];
  return symbol_names + symbol_name_offsets[n - 1];
}
