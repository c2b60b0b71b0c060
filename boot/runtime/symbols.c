// Names of functions by address. The table is made from the linked image (tools/build/symbols.ts) and linked last.
#include "runtime.h"

extern const u32 symbol_count, symbol_addresses[], symbol_name_offsets[];
extern const char symbol_names[];

// The function that holds `address`, and how far into it; NULL outside Basalt's code.
const char *symbol_of(u64 address, u64 *offset) {
  if (address < (u64)text_start || address >= (u64)text_end || symbol_count == 0 || address < symbol_addresses[0])
    return NULL;
  u32 low = 0, high = symbol_count;
  while (high - low > 1) {
    u32 middle = (low + high) / 2;
    if (symbol_addresses[middle] <= address)
      low = middle;
    else
      high = middle;
  }
  *offset = address - symbol_addresses[low];
  return symbol_names + symbol_name_offsets[low];
}
