// COM1: a 16550A UART, polled, with bounded waits (National Semiconductor PC16550D data sheet, 8.0 "Registers").
#include "runtime.h"

// The registers, in the order of their ports.
enum { COM1 = 0x3F8, DATA = COM1, INTERRUPT_ENABLE, FIFO_CONTROL, LINE_CONTROL, MODEM_CONTROL, LINE_STATUS };
enum { LINE_8N1 = 0x03, DIVISOR_LATCH = 0x80, DIVISOR_115200 = 1, FIFO_ENABLE_AND_CLEAR = 0x07, DTR_RTS = 0x03 };
enum { HOLDING_REGISTER_EMPTY = 0x20, TRANSMITTER_EMPTY = 0x60 };
// Each poll takes about a microsecond on a PC; a byte takes 87 at 115,200 baud. Past the bound the rest of a text is
// dropped: the other end does not take it.
enum { POLLS = 20000 };

static bool absent;

static bool wait_for(u8 bits) {
  for (u32 i = 0; i < POLLS; i++)
    if ((in8(LINE_STATUS) & bits) == bits)
      return true;
  return false;
}

void serial_start(void) {
  out8(INTERRUPT_ENABLE, 0);
  out8(LINE_CONTROL, DIVISOR_LATCH);
  out8(DATA, DIVISOR_115200);
  out8(INTERRUPT_ENABLE, 0);
  out8(LINE_CONTROL, LINE_8N1);
  out8(FIFO_CONTROL, FIFO_ENABLE_AND_CLEAR);
  out8(MODEM_CONTROL, DTR_RTS);
  absent = in8(LINE_STATUS) == 0xFF;
}

void serial_write(const u8 *text, u32 length) {
  for (u32 i = 0; i < length && !absent && wait_for(HOLDING_REGISTER_EMPTY); i++) {
    if (text[i] == '\n') {
      out8(DATA, '\r');
      wait_for(HOLDING_REGISTER_EMPTY);
    }
    out8(DATA, text[i]);
  }
}

void serial_drain(void) {
  if (!absent)
    wait_for(TRANSMITTER_EMPTY);
}
