// COM1: a 16550A UART, polled, with bounded waits (PC16550D data sheet, 8.0 "Registers"). Core sets it up, and says
// whether it is there (hv/core/console/serial.ts); a panic before that has it as firmware left it.
#include "runtime.h"

enum { DATA = 0x3F8, LINE_STATUS = 0x3FD, HOLDING_REGISTER_EMPTY = 0x20, TRANSMITTER_EMPTY = 0x60 };
// A poll takes about a microsecond on a PC, a byte 87 at 115,200 baud. Past the bound the rest of a text is dropped.
enum { POLLS = 20000 };

bool serial_is_absent;

static bool wait_for(u8 bits) {
  for (u32 i = 0; i < POLLS; i++)
    if ((in8(LINE_STATUS) & bits) == bits) return true;
  return false;
}

// A text that begins with a zero goes on behind it as it is: a guest ends its lines itself (console_write).
void serial_write(const u8 *text, u32 length) {
  for (u32 i = !text[0]; i < length && !serial_is_absent && wait_for(HOLDING_REGISTER_EMPTY); i++) {
    if (text[i] == '\n' && text[0]) {
      out8(DATA, '\r');
      wait_for(HOLDING_REGISTER_EMPTY);
    }
    out8(DATA, text[i]);
  }
}

void serial_drain(void) {
  if (!serial_is_absent) wait_for(TRANSMITTER_EMPTY);
}
