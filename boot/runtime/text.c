// The console, and the runtime's own few words, for reports that must not depend on core.
#include "runtime.h"

void console_write(const u8 *text, u32 length) {
  serial_write(text, length);
  terminal_write(text, length);
}

void put_texts(const char *const *texts) {
  for (; *texts; texts++)
    for (const char *text = *texts; *text; text++)
      console_write((const u8 *)text, 1);
}

void put_hex(u64 value, u32 digits) {
  put("0x");
  for (u32 i = digits; i-- > 0;)
    console_write((const u8 *)"0123456789abcdef" + (value >> (4 * i) & 15), 1);
}

void put_decimal(u64 value) {
  char digits[20];
  u32 n = sizeof digits;
  do
    digits[--n] = '0' + value % 10;
  while (value /= 10);
  console_write((const u8 *)digits + n, sizeof digits - n);
}
