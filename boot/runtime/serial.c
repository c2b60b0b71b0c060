// COM1: a 16550A UART, polled, with bounded waits (National Semiconductor PC16550D data sheet, 8.0 "Registers").
#include "runtime.h"

// The registers, in the order of their ports.
enum { DATA = 0x3F8, INTERRUPT_ENABLE, FIFO_CONTROL, LINE_CONTROL, MODEM_CONTROL, LINE_STATUS, MODEM_STATUS, SCRATCH };
enum { LINE_8N1 = 0x03, DIVISOR_LATCH = 0x80, DIVISOR_115200 = 1, FIFO_ENABLE_AND_CLEAR = 0x07, DTR_RTS = 0x03 };
enum { HOLDING_REGISTER_EMPTY = 0x20, TRANSMITTER_EMPTY = 0x60, SCRATCH_PATTERN = 0x5A };
// Each poll takes about a microsecond on a PC; a byte takes 87 at 115,200 baud. Past the bound the rest of a text is
// dropped: the other end does not take it.
enum { POLLS = 20000 };

bool serial_is_absent;

static bool wait_for(u8 bits) {
  for (u32 i = 0; i < POLLS; i++)
    if ((in8(LINE_STATUS) & bits) == bits)
      return true;
  return false;
}

void serial_start(void) {
  const u16 sequence[][2] = {{INTERRUPT_ENABLE, 0},   {LINE_CONTROL, DIVISOR_LATCH}, {DATA, DIVISOR_115200},
                             {INTERRUPT_ENABLE, 0},   {LINE_CONTROL, LINE_8N1}, {FIFO_CONTROL, FIFO_ENABLE_AND_CLEAR},
                             {MODEM_CONTROL, DTR_RTS}, {SCRATCH, SCRATCH_PATTERN}};
  for (u32 i = 0; i < sizeof sequence / sizeof sequence[0]; i++)
    out8(sequence[i][0], sequence[i][1]);
  serial_is_absent = in8(LINE_STATUS) == 0xFF || in8(SCRATCH) != SCRATCH_PATTERN;
}

void serial_write(const u8 *text, u32 length) {
  for (u32 i = 0; i < length && !serial_is_absent && wait_for(HOLDING_REGISTER_EMPTY); i++) {
    if (text[i] == '\n') {
      out8(DATA, '\r');
      wait_for(HOLDING_REGISTER_EMPTY);
    }
    out8(DATA, text[i]);
  }
}

void serial_drain(void) {
  if (!serial_is_absent)
    wait_for(TRANSMITTER_EMPTY);
}
