// The ends that nothing returns from: a panic's backtrace, the result line and the way to power off.
#include "runtime.h"

// Names of functions by address: made from the linked image (tools/build/symbols.ts) and linked last.
extern const u32 symbol_count, symbol_addresses[], symbol_name_offsets[];
extern const char symbol_names[];

// The function that holds `address`, and how far into it; NULL outside Basalt's code.
const char *symbol_of(u64 address, u64 *offset) {
  if (address < (u64)text_start || address >= (u64)text_end || symbol_count == 0 || address < symbol_addresses[0])
    return NULL;
  u32 n = 1;
  while (n < symbol_count && symbol_addresses[n] <= address) n++;
  *offset = address - symbol_addresses[n - 1];
  return symbol_names + symbol_name_offsets[n - 1];
}

struct end_step end_steps[END_STEPS];

static void take(struct end_step step) {
  static const u64 no_idt[2];
  u32 polls = 1 << 20; // each takes about a microsecond on a PC
  switch (step.kind) {
  case END_OUT8: return out8(step.port, step.value);
  case END_SET16: return out16(step.port, (in16(step.port) & step.mask) | step.value);
  case END_TRIPLE_FAULT: __asm__ volatile("lidt %0\n\tint3" : : "m"(no_idt)); __builtin_unreachable();
  case END_WAIT8:
    while (polls > 0 && (in8(step.port) & step.mask) != step.value) polls--;
  }
}

static void put_address(u64 address) {
  u64 offset;
  const char *name = symbol_of(address, &offset);
  put_hex(address, 16);
  put(" ", name ? name : "?");
  if (name) put("+"), put_hex(offset, 3);
}

static bool on_a_stack(u64 rbp) {
  return rbp % 8 == 0 && ((rbp >= (u64)core_stack_bottom && rbp + 16 <= (u64)core_stack_top) ||
                          (rbp >= (u64)vmm_stack_bottom && rbp + 16 <= (u64)vmm_stack_top));
}

// Writes RIP and the call sites above RBP to `out`; returns how many, at most `count`.
u32 backtrace(u64 rip, u64 rbp, u64 *out, u32 count) {
  u32 n = 1;
  out[0] = rip;
  while (n < count && on_a_stack(rbp)) {
    out[n++] = ((u64 *)rbp)[1] - 1;
    u64 next = *(u64 *)rbp;
    rbp = next > rbp ? next : 0;
  }
  return n;
}

_Noreturn void panic_at(u32 result, const char *name, u64 rip, u64 rbp) {
  u64 frames[24];
  u32 count = backtrace(rip, rbp, frames, sizeof frames / sizeof frames[0]);
  for (u32 i = 0; i < count; i++) {
    put(i == 0 ? "basalt: panic: at   " : "basalt: panic: from "), put_address(frames[i]), put("\n");
  }
  finish(result, name);
}

// The result line is the last of a run; tools/emulators reads it. A QEMU with isa-debug-exit ends here.
void announce(u32 result, const char *name) {
  put("basalt: result "), put_decimal(result), put(" ", name, "\n");
  serial_drain();
  out8(0xF4, result);
}

_Noreturn void end_machine(void) {
  for (u32 i = 0; i < END_STEPS; i++) take(end_steps[i]);
  put("basalt: this machine is safe to switch off\n");
  while (true) __asm__ volatile("cli\n\thlt");
}

_Noreturn void finish(u32 result, const char *name) {
  announce(result, name);
  end_machine();
}
