// The ends that nothing returns from: a panic's backtrace, the result line and the way to power off.
#include "runtime.h"

struct power_off_ports power_off_ports;

void put_address(u64 address) {
  u64 offset;
  const char *name = symbol_of(address, &offset);
  put_hex(address, 16);
  put(" ");
  if (!name)
    return put("?");
  put(name);
  put("+");
  put_hex(offset, 3);
}

static bool on_a_stack(u64 rbp) {
  return rbp % 8 == 0 && ((rbp >= (u64)core_stack_bottom && rbp + 16 <= (u64)core_stack_top) ||
                          (rbp >= (u64)vmm_stack_bottom && rbp + 16 <= (u64)vmm_stack_top));
}

// Writes RIP and the call sites above RBP to `out`; returns how many, at most `count`.
u32 backtrace(u64 rip, u64 rbp, u64 *out, u32 count) {
  u32 n = 0;
  out[n++] = rip;
  while (n < count && on_a_stack(rbp)) {
    out[n++] = ((u64 *)rbp)[1] - 1;
    u64 next = *(u64 *)rbp;
    if (next <= rbp)
      break;
    rbp = next;
  }
  return n;
}

_Noreturn void panic_at(u32 result, const char *name, u64 rip, u64 rbp) {
  u64 frames[24];
  u32 count = backtrace(rip, rbp, frames, sizeof frames / sizeof frames[0]);
  for (u32 i = 0; i < count; i++) {
    put(i == 0 ? "basalt: panic: at   " : "basalt: panic: from ");
    put_address(frames[i]);
    put("\n");
  }
  finish(result, name);
}

// The result line is the last of a run; tools/emulators reads it. Then, whichever is there: QEMU's isa-debug-exit,
// ACPI S5 (ACPI 6.5 section 4.8.3.2.1: SLP_TYP and SLP_EN in PM1a_CNT and PM1b_CNT), a halt.
_Noreturn void finish(u32 result, const char *name) {
  put("basalt: result ");
  put_decimal(result);
  put(" ");
  put(name);
  put("\n");
  serial_drain();
  out8(0xF4, result);
  if (power_off_ports.pm1a_control)
    out16(power_off_ports.pm1a_control, power_off_ports.pm1a_value);
  if (power_off_ports.pm1b_control)
    out16(power_off_ports.pm1b_control, power_off_ports.pm1b_value);
  put("basalt: this machine is safe to switch off\n");
  while (true)
    __asm__ volatile("cli\n\thlt");
}
