// The console, and the runtime's own few words, for reports that must not depend on core.
#include "runtime.h"

static u32 lock SHARED;

bool take_console(void) { return __atomic_exchange_n(&lock, 1, __ATOMIC_ACQUIRE) == 0; }

// A line of core's is one call. Who waits lets interrupts in; who panics has stopped the others, and keeps the console.
void console_write(const u8 *text, u32 length) {
  while (!is_panicking && !take_console()) __asm__ volatile("pause\n\tsti\n\tnop\n\tcli" : : : "memory");
  serial_write(text, length);
  terminal_write(text, length);
  if (!is_panicking) __atomic_store_n(&lock, 0, __ATOMIC_RELEASE);
}

void put_texts(const char *const *texts) {
  for (; *texts; texts++)
    for (const char *text = *texts; *text; text++) console_write((const u8 *)text, 1);
}

void put_hex(u64 value, u32 digits) {
  put("0x");
  for (u32 i = digits; i-- > 0;) console_write((const u8 *)"0123456789abcdef" + (value >> (4 * i) & 15), 1);
}

void put_decimal(u64 value) {
  char digits[20];
  u32 n = sizeof digits;
  do digits[--n] = '0' + value % 10; while (value /= 10);
  console_write((const u8 *)digits + n, sizeof digits - n);
}

// AssemblyScript's strings as the runtime reads them (runtime.h).
u32 copy_string(const u8 *memory, u64 start, u64 bytes, u32 pointer, char *out, u32 capacity) {
  bool is_inside = pointer >= start + 4 && pointer <= start + bytes && pointer % 4 == 0;
  u64 length = is_inside ? *(const u32 *)(memory + pointer - 4) : 0;
  if (!is_inside || length > start + bytes - pointer) return copy_text("?", out, capacity);
  u32 n = 0;
  for (; n < capacity && n < length / 2; n++) {
    u16 unit = *(const u16 *)(memory + pointer + 2 * n);
    out[n] = unit >= 0x20 && unit < 0x7F ? (char)unit : '?';
  }
  return n;
}

u32 copy_text(const char *text, char *out, u32 capacity) {
  u32 n = 0;
  for (; n < capacity && text[n]; n++) out[n] = text[n];
  return n;
}

void put_assertion(const u8 *memory, u64 start, u64 bytes, u32 message, u32 file, u32 line, u32 column) {
  char text[256];
  panic_start();
  console_write((u8 *)text, copy_string(memory, start, bytes, message, text, sizeof text));
  put(" at ");
  console_write((u8 *)text, copy_string(memory, start, bytes, file, text, sizeof text));
  put(":"), put_decimal(line), put(":"), put_decimal(column), put("\n");
}
