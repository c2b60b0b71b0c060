// The interrupt controllers: the two 8259A masked, the local APIC's timer as the clock of the vmm time budget.
// SDM 3A chapter 11 (APIC), 11.5.4 (timer), 11.12 (x2APIC).
#include "runtime.h"

enum { MSR_APIC_BASE = 0x1B, APIC_BASE_X2APIC = 1 << 10, APIC_BASE_ENABLE = 1 << 11, MSR_X2APIC = 0x800 };
enum { TPR = 0x80, EOI = 0xB0, SPURIOUS = 0xF0, LVT_TIMER = 0x320, INITIAL_COUNT = 0x380, DIVIDE = 0x3E0 };
enum { SPURIOUS_ENABLE = 1 << 8, LVT_PERIODIC = 1 << 17, DIVIDE_BY_1 = 0xB };
// A guest pays an exit a period, so it is long: about 40 to 170 ms with the 25 to 100 MHz timers of PCs.
enum { TIMER_PERIOD = 4 << 20 };

static bool x2apic, present;

static void apic_write(u32 reg, u32 value) {
  if (x2apic)
    write_msr(MSR_X2APIC + reg / 16, value);
  else
    *(volatile u32 *)(DEVICE_WINDOW + reg) = value;
}

// Both 8259A: vectors away from the exceptions, every line masked (Intel 8259A data sheet, "Initialization").
static void mask_8259(void) {
  const u8 sequence[][2] = {{0x20, 0x11}, {0xA0, 0x11}, {0x21, 0x20}, {0xA1, 0x28}, {0x21, 4},
                            {0xA1, 2},    {0x21, 1},    {0xA1, 1},    {0x21, 0xFF}, {0xA1, 0xFF}};
  for (u32 i = 0; i < sizeof sequence / sizeof sequence[0]; i++)
    out8(sequence[i][0], sequence[i][1]);
}

void apic_start(void) {
  u32 eax = 1, ebx, ecx = 0, edx;
  __asm__ volatile("cpuid" : "+a"(eax), "=b"(ebx), "+c"(ecx), "=d"(edx));
  mask_8259();
  if (!(edx >> 9 & 1))
    return put("basalt: warning: no local APIC, so nothing bounds the time of a vmm call\n");
  u64 base = read_msr(MSR_APIC_BASE) | APIC_BASE_ENABLE;
  write_msr(MSR_APIC_BASE, base);
  present = true;
  x2apic = base & APIC_BASE_X2APIC;
  paging_map(DEVICE_WINDOW, base & 0x000FFFFFFFFFF000ull, PAGE_SIZE, PAGE_UNCACHED);
  apic_write(SPURIOUS, SPURIOUS_ENABLE | SPURIOUS_VECTOR);
  apic_write(TPR, 0);
  apic_write(DIVIDE, DIVIDE_BY_1);
  apic_write(LVT_TIMER, LVT_PERIODIC | TIMER_VECTOR);
  apic_write(INITIAL_COUNT, TIMER_PERIOD);
}

void apic_end_of_interrupt(void) {
  if (present)
    apic_write(EOI, 0);
}
