// The local APIC by the sections of SDM 3A chapter 11 (2023).
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Apic, APIC_BASE, BASE_DISABLED, BASE_X2APIC, BASE_XAPIC, TSC_DEADLINE } from "./local-apic.ts";

const WAITS = 0x100;
const TELLS = 0x200;
const NEVER = 0xffff_ffff_ffff_ffffn;
const [ID, VERSION, TPR, PPR, EOI, LDR, DFR, SVR] = [0x20, 0x30, 0x80, 0xa0, 0xb0, 0xd0, 0xe0, 0xf0] as const;
const [ISR, TMR, IRR, ESR, ICR, ICR_HIGH] = [0x100, 0x180, 0x200, 0x280, 0x300, 0x310] as const;
const [LVT_TIMER, LINT0, LINT1, LVT_ERROR] = [0x320, 0x350, 0x360, 0x370] as const;
const [INITIAL, CURRENT, DIVIDE] = [0x380, 0x390, 0x3e0] as const;
const PERIODIC = 0x20000;
const DEADLINE = 0x40000;
const MASKED = 0x10000;
const msr = (offset: number): number => 0x800 + offset / 16;

describe("11.4.7: states", () => {
  test("after a reset the registers are those of 11.4.7.1", async () => {
    const apic = await Apic.create();
    assert.equal(apic.rdmsr(APIC_BASE), BASE_XAPIC);
    const zero = [ID, TPR, PPR, LDR, ESR, ICR, ICR_HIGH, INITIAL, CURRENT, DIVIDE];
    for (const offset of [
      ...zero,
      ...[ISR, TMR, IRR].flatMap((base) => [0, 1, 2, 3, 4, 5, 6, 7].map((i) => base + 16 * i)),
    ]) {
      assert.equal(apic.read(offset), 0, offset.toString(16));
    }
    assert.deepEqual([apic.read(DFR), apic.read(SVR), apic.read(VERSION)], [0xffffffff, 0xff, 0x50014]);
    for (let offset = LVT_TIMER; offset <= LVT_ERROR; offset += 16) assert.equal(apic.read(offset), MASKED);
    assert.equal(apic.canInterrupt, false);
  });

  test("as firmware leaves it, the APIC is enabled, LINT0 is ExtINT and LINT1 NMI", async () => {
    const apic = await Apic.started();
    assert.deepEqual([apic.read(SVR), apic.read(LINT0), apic.read(LINT1)], [0x1ff, 0x700, 0x400]);
    assert.equal(apic.canInterrupt, true);
  });

  test("disabled by software it masks all local interrupts, takes NMIs alone, and keeps what it has accepted", async () => {
    const apic = await Apic.started();
    apic.write(LVT_TIMER, 0x40);
    apic.message(0x80);
    apic.write(SVR, 0xff);
    assert.deepEqual([apic.read(LVT_TIMER), apic.read(LINT0)], [MASKED | 0x40, MASKED | 0x700]);
    apic.write(LVT_TIMER, 0x41);
    assert.equal(apic.read(LVT_TIMER), MASKED | 0x41, "the mask stays");
    apic.message(0x90);
    apic.send(0xfee00000n, 0x400);
    assert.equal(apic.nmis, 1);
    assert.equal(apic.waiting, WAITS | 0x80);
    apic.write(SVR, 0x1ff);
    assert.equal(apic.read(LVT_TIMER), MASKED | 0x41, "still");
  });

  test("disabled by IA32_APIC_BASE it forgets everything, and the 8259s interrupt directly", async () => {
    const apic = await Apic.started();
    apic.write(LINT0, MASKED);
    apic.external(true, 0x33);
    apic.message(0x80);
    assert.equal(apic.waiting, WAITS | 0x80);
    assert.ok(apic.wrmsr(APIC_BASE, BASE_DISABLED));
    assert.equal(apic.waiting, WAITS | 0x33);
    apic.message(0x90);
    apic.send(0xfee00000n, 0x400);
    assert.equal(apic.take(), 0x33);
    assert.deepEqual([apic.waiting, apic.nmis, apic.externalAcknowledged], [0, 0, 1]);
    assert.equal(apic.read(SVR), 0xffffffff, "nothing answers at its page");
    apic.write(SVR, 0x1ff);
    assert.ok(apic.wrmsr(APIC_BASE, BASE_XAPIC));
    assert.equal(apic.read(SVR), 0xff);
  });
});

describe("11.4.4, 11.12.5: IA32_APIC_BASE", () => {
  const bases = [BASE_DISABLED, BASE_XAPIC, BASE_X2APIC, 0xfee00500n];
  // Rows by where from: disabled, xAPIC, x2APIC; columns as `bases`.
  const LEGAL = [
    [true, true, false, false],
    [true, true, true, false],
    [true, false, true, false],
  ];

  test("all transitions but those of figure 11-25 are #GP", async () => {
    for (const [from, row] of LEGAL.entries()) {
      for (const [to, isLegal] of row.entries()) {
        const apic = await Apic.create();
        if (from !== 1) assert.ok(apic.wrmsr(APIC_BASE, bases[from]!));
        assert.equal(apic.wrmsr(APIC_BASE, bases[to]!), isLegal, `${from} to ${to}`);
        assert.equal(apic.rdmsr(APIC_BASE), isLegal ? bases[to] : bases[from]);
      }
    }
  });

  test("reserved bits and another address are #GP", async () => {
    const apic = await Apic.create();
    for (const bit of [0n, 1n, 7n, 9n, 12n, 20n, 32n, 35n, 36n, 52n, 63n]) {
      assert.equal(apic.wrmsr(APIC_BASE, BASE_XAPIC ^ (1n << bit)), false, `bit ${bit}`);
    }
    assert.equal(apic.rdmsr(APIC_BASE), BASE_XAPIC);
  });

  test("from xAPIC to x2APIC mode the state stays, but for the logical ID and the command's destination", async () => {
    const apic = await Apic.started();
    apic.message(0x80);
    apic.message(0x90, true);
    apic.take();
    apic.write(TPR, 0x35);
    apic.write(LDR, 0x12000000);
    apic.write(ICR_HIGH, 0x12000000);
    apic.write(INITIAL, 1000);
    assert.ok(apic.wrmsr(APIC_BASE, BASE_X2APIC));
    assert.equal(apic.rdmsr(msr(ISR + 0x40)), 0x10000n);
    assert.equal(apic.rdmsr(msr(TMR + 0x40)), 0x10000n);
    assert.equal(apic.rdmsr(msr(IRR + 0x40)), 1n);
    assert.deepEqual([apic.rdmsr(msr(TPR)), apic.rdmsr(msr(LDR)), apic.rdmsr(msr(ICR))], [0x35n, 1n, 0n]);
    assert.deepEqual([apic.rdmsr(msr(INITIAL)), apic.rdmsr(msr(CURRENT))], [1000n, 1000n]);
    apic.wrmsr(msr(EOI), 0n);
    assert.equal(apic.waiting, WAITS | 0x80);
  });
});

describe("11.12.1: x2APIC registers", () => {
  // By the number of the register: R, W, both, or - for none (table 11-6).
  const ACCESS = "--RR----B-RW-R-B" + "R".repeat(16) + "RRRRRRRRB-------" + "B-BBBBBBBR----BW";
  const BITS: Record<number, bigint> = {
    0x08: 0xffn,
    0x0b: 0n,
    0x0f: 0x3ffn,
    0x28: 0n,
    0x30: 0xffffffff_000cdfffn,
    0x32: 0x710ffn,
    0x33: 0x117ffn,
    0x34: 0x117ffn,
    0x35: 0x1f7ffn,
    0x36: 0x1f7ffn,
    0x37: 0x110ffn,
    0x38: 0xffffffffn,
    0x3e: 0xbn,
    0x3f: 0xffn,
  };

  test("every MSR from 0x800 to 0x8ff is read and written as table 11-6 says, else it is #GP", async () => {
    const apic = await Apic.x2Apic();
    for (let register = 0; register < 0x100; register++) {
      const access = ACCESS[register] ?? "-";
      assert.equal(apic.rdmsr(0x800 + register) !== undefined, "RB".includes(access), `RDMSR ${register.toString(16)}`);
      assert.equal(apic.wrmsr(0x800 + register, 0n), "WB".includes(access), `WRMSR ${register.toString(16)}`);
    }
  });

  test("each reserved bit is #GP, and no other", async () => {
    const apic = await Apic.x2Apic();
    for (const [register, bits] of Object.entries(BITS)) {
      for (let bit = 0n; bit < 64n; bit++) {
        const isLegal = ((bits >> bit) & 1n) === 1n;
        assert.equal(apic.wrmsr(0x800 + Number(register), 1n << bit), isLegal, `register ${register}, bit ${bit}`);
      }
    }
  });

  test("in xAPIC mode and disabled the MSRs are #GP, and in x2APIC mode the page does not answer", async () => {
    for (const base of [BASE_XAPIC, BASE_DISABLED]) {
      const apic = await Apic.create();
      apic.wrmsr(APIC_BASE, base);
      for (const register of [2, 8, 0xb, 0x3f]) {
        assert.equal(apic.rdmsr(0x800 + register), undefined);
        assert.equal(apic.wrmsr(0x800 + register, 0n), false);
      }
    }
    const apic = await Apic.x2Apic();
    apic.write(TPR, 0x50);
    assert.deepEqual([apic.read(TPR), apic.taskPriority], [0xffffffff, 0]);
  });
});

describe("11.4.1: the page", () => {
  test("a part of a register is read as such, and written not at all", async () => {
    const apic = await Apic.started();
    apic.write(LDR, 0xab000000);
    assert.deepEqual([apic.read(LDR + 3, 1) & 0xff, apic.read(LDR + 2, 2) & 0xffff], [0xab, 0xab00]);
    apic.write(TPR, 0x20, 1);
    apic.write(TPR + 1, 0x20);
    assert.equal(apic.read(TPR), 0);
    assert.equal(apic.read(TPR + 4), 0);
  });

  test("a register that is none is an error, at every offset of the page", async () => {
    const apic = await Apic.started();
    const some = new Set([ID, VERSION, TPR, PPR, EOI, LDR, DFR, SVR, ESR, CURRENT, INITIAL, DIVIDE, ICR, ICR_HIGH]);
    for (let offset = 0; offset < 0x1000; offset += 16) {
      const exists =
        some.has(offset as never) || (offset >= 0x100 && offset <= 0x270) || (offset >= 0x320 && offset <= 0x370);
      apic.write(ESR, 0);
      apic.read(offset);
      apic.write(ESR, 0);
      assert.equal(apic.read(ESR), exists ? 0 : 0x80, offset.toString(16));
    }
  });
});

describe("11.5.3: errors", () => {
  test("the error interrupt comes once, until ESR is written, which shows what was detected", async () => {
    const apic = await Apic.started();
    apic.write(LVT_ERROR, 0x60);
    apic.write(ICR, 0x4000f | 0x40000);
    assert.equal(apic.take(), 0x60);
    assert.equal(apic.read(ESR), 0);
    apic.write(EOI, 0);
    apic.message(3);
    assert.equal(apic.waiting, 0, "no second one");
    apic.write(ESR, 0);
    assert.equal(apic.read(ESR), 0x60, "sent and received");
    apic.write(ESR, 0);
    assert.equal(apic.read(ESR), 0);
    apic.message(3);
    assert.equal(apic.waiting, WAITS | 0x60);
  });

  test("an illegal vector in the error's own entry ends there", async () => {
    const apic = await Apic.started();
    apic.write(LVT_ERROR, 5);
    apic.message(4);
    apic.write(ESR, 0);
    assert.deepEqual([apic.read(ESR), apic.waiting], [0x40, 0]);
  });
});

describe("11.6: interprocessor interrupts", () => {
  test("what is sent to another processor vanishes", async () => {
    const apic = await Apic.x2Apic();
    for (const command of [0xc4500n, 0x1_0000_4500n, 0x1_0000_4680n, 0x1_0000_4080n, 0xc4080n, 0xc4400n, 0x8500n]) {
      assert.ok(apic.wrmsr(msr(ICR), command));
      assert.deepEqual([apic.waiting, apic.nmis], [0, 0]);
    }
  });

  test("SELF IPI interrupts, and the command register stays as it is", async () => {
    const apic = await Apic.x2Apic();
    apic.wrmsr(msr(ICR), 0x5_0000_4033n);
    apic.wrmsr(0x83f, 0x71n);
    assert.deepEqual([apic.waiting, apic.rdmsr(msr(ICR))], [WAITS | 0x71, 0x5_0000_4033n]);
  });

  test("NMI, fixed and lowest priority reach the processor itself by each shorthand and destination", async () => {
    const apic = await Apic.started();
    apic.write(LDR, 0x81000000);
    for (const [shorthand, destination] of [
      [0x40000, 0x77],
      [0x80000, 0x77],
      [0, 0],
      [0, 0xff],
      [0x800, 0x80],
      [0x800, 0x01],
    ] as const) {
      apic.write(ICR_HIGH, destination << 24);
      apic.write(ICR, 0x4400 | shorthand);
      apic.write(ICR, 0x4031 | shorthand);
      assert.equal(apic.take(), 0x31);
      apic.write(EOI, 0);
      apic.write(ICR, 0x4131 | shorthand);
      assert.equal(apic.take(), 0x31);
      apic.write(EOI, 0);
      assert.equal(apic.read(ICR) & 0x1000, 0, "accepted at once");
    }
    assert.equal(apic.nmis, 6);
    apic.write(ICR_HIGH, 0x7e000000);
    apic.write(ICR, 0x4831);
    assert.equal(apic.waiting, 0);
  });
});

describe("11.8: priorities and ends", () => {
  test("the higher class comes first, one of the same class waits for the end, and none is lost", async () => {
    const apic = await Apic.x2Apic();
    for (const vector of [0x31, 0x35, 0x52, 0x21]) apic.message(vector);
    assert.equal(apic.take(), 0x52);
    assert.equal(apic.waiting, 0);
    apic.message(0x5f);
    assert.equal(apic.waiting, 0, "of the same class");
    apic.message(0x60);
    assert.equal(apic.take(), 0x60);
    const order: number[] = [];
    for (let i = 0; i < 8; i++) {
      apic.wrmsr(msr(EOI), 0n);
      const vector = apic.take();
      if (vector !== 0) order.push(vector);
    }
    assert.deepEqual(order, [0x5f, 0x35, 0x31, 0x21]);
  });

  test("CR8 is the task priority's class, which holds back its own class and those below", async () => {
    const apic = await Apic.started();
    apic.taskPriority = 5;
    assert.equal(apic.read(TPR), 0x50);
    apic.message(0x5f);
    assert.equal(apic.waiting, 0);
    apic.taskPriority = 4;
    assert.equal(apic.waiting, WAITS | 0x5f);
    apic.taskPriority = 15;
    assert.equal(apic.waiting, 0);
    apic.write(TPR, 0x47);
    assert.deepEqual([apic.taskPriority, apic.read(PPR), apic.waiting], [4, 0x47, WAITS | 0x5f]);
  });

  test("an interrupt that comes while it is in service comes once more", async () => {
    const apic = await Apic.started();
    apic.message(0x40);
    assert.equal(apic.take(), 0x40);
    apic.message(0x40);
    apic.message(0x40);
    apic.write(EOI, 0);
    assert.equal(apic.take(), 0x40);
    apic.write(EOI, 0);
    assert.equal(apic.waiting, 0);
  });

  test("the end of a level-triggered interrupt is told to the I/O APIC, of an edge-triggered one not", async () => {
    const apic = await Apic.started();
    apic.message(0x40, true);
    apic.message(0x50);
    for (let i = 0; i < 2; i++) {
      apic.take();
      apic.write(EOI, 0);
    }
    apic.write(EOI, 0);
    assert.deepEqual(apic.ends, [0x40]);
  });

  test("what waits is told only where it changes", async () => {
    const apic = await Apic.x2Apic();
    apic.message(0x50);
    apic.message(0x40);
    apic.message(0x50);
    apic.taskPriority = 2;
    assert.equal(apic.drives, 1);
    apic.take();
    assert.equal(apic.drives, 1, "nothing waits, as the processor knows");
    apic.wrmsr(msr(EOI), 0n);
    assert.equal(apic.drives, 2);
  });
});

describe("LINT0 and the 8259s", () => {
  test("their interrupt passes all priorities and is acknowledged there", async () => {
    const apic = await Apic.started();
    apic.taskPriority = 15;
    apic.external(true, 0x08);
    assert.equal(apic.waiting, WAITS | 0x08);
    apic.external(true, 0x09);
    assert.equal(apic.waiting, WAITS | 0x09, "another one has come");
    assert.equal(apic.take(), 0x09);
    assert.deepEqual([apic.waiting, apic.externalAcknowledged, apic.read(ISR)], [0, 1, 0]);
  });

  test("one that can be followed at once asks to be told of its delivery", async () => {
    const apic = await Apic.started();
    apic.external(true, 0x30, true);
    assert.equal(apic.waiting, WAITS | TELLS | 0x30, "the 8259 ends by itself");
    apic.external(true, 0x30, false);
    assert.equal(apic.waiting, WAITS | 0x30);
    apic.message(0x80);
    assert.equal(apic.waiting, WAITS | TELLS | 0x30, "the APIC's own comes next");
    apic.take();
    assert.equal(apic.waiting, WAITS | 0x80);
  });

  test("a masked LINT0 holds it back until it is unmasked", async () => {
    const apic = await Apic.started();
    apic.write(LINT0, MASKED | 0x700);
    apic.external(true, 0x30);
    assert.equal(apic.waiting, 0);
    apic.write(LINT0, 0x700);
    assert.equal(apic.waiting, WAITS | 0x30);
  });

  test("in fixed mode each rise is an interrupt, and in NMI mode an NMI", async () => {
    const apic = await Apic.started();
    apic.write(LINT0, 0x44);
    for (let i = 0; i < 2; i++) {
      apic.external(true, 0x30);
      assert.equal(apic.take(), 0x44);
      apic.write(EOI, 0);
      apic.external(true, 0x31);
      assert.equal(apic.waiting, 0, "no rise");
      apic.external(false);
    }
    apic.write(LINT0, 0x400);
    apic.external(true);
    assert.deepEqual([apic.nmis, apic.externalAcknowledged], [1, 0]);
  });

  test("level-triggered in fixed mode it comes again while it is high, behind the end of the one before", async () => {
    const apic = await Apic.started();
    apic.write(LINT0, 0x8044);
    apic.external(true);
    assert.equal(apic.take(), 0x44);
    assert.equal(apic.read(LINT0), 0xc044, "remote IRR");
    assert.equal(apic.waiting, 0);
    apic.write(EOI, 0);
    assert.equal(apic.take(), 0x44);
    apic.external(false);
    apic.write(EOI, 0);
    assert.deepEqual([apic.waiting, apic.read(LINT0)], [0, 0x8044]);
  });
});

describe("11.11: messages", () => {
  test("one for another processor, of another address or another mode is dropped", async () => {
    const apic = await Apic.started();
    apic.write(LDR, 0x01000000);
    for (const [address, data] of [
      [0xfee01000n, 0x50],
      [0xfee02004n, 0x50],
      [0xfed00000n, 0x50],
      [0x1fee00000n, 0x50],
      [0xfee00000n, 0x250],
      [0xfee00000n, 0x550],
      [0xfee00000n, 0x650],
      [0xfee00000n, 0x750],
      [0xfee00000n, 0x8050],
    ] as const) {
      apic.send(address, data);
      assert.equal(apic.waiting, 0, `${address.toString(16)}, ${data.toString(16)}`);
    }
    for (const address of [0xfee00000n, 0xfee01004n, 0xfeeff000n, 0xfeeff004n, 0xfee01008n + 4n]) {
      apic.send(address, 0x50);
      assert.equal(apic.take(), 0x50, address.toString(16));
      apic.write(EOI, 0);
    }
  });
});

describe("11.5.4: the timer", () => {
  test("one-shot it interrupts when all counts are over, at each divisor", async () => {
    for (const [divide, divisor] of [
      [0, 2n],
      [1, 4n],
      [2, 8n],
      [3, 16n],
      [8, 32n],
      [9, 64n],
      [10, 128n],
      [11, 1n],
    ] as const) {
      const apic = await Apic.started();
      apic.write(DIVIDE, divide);
      apic.write(LVT_TIMER, 0x40);
      apic.write(INITIAL, 1000);
      assert.equal(apic.alarm, apic.now + 1000n * divisor);
      apic.runTo(apic.now + 999n * divisor);
      assert.deepEqual([apic.read(CURRENT), apic.waiting], [1, 0]);
      apic.runTo(apic.now + divisor);
      assert.deepEqual([apic.read(CURRENT), apic.read(INITIAL), apic.take()], [0, 1000, 0x40]);
      apic.write(EOI, 0);
      apic.runTo(apic.now + 10000n * divisor);
      assert.deepEqual([apic.waiting, apic.alarm], [0, NEVER], "once");
    }
  });

  test("a periodic timer that is late interrupts once and keeps its phase", async () => {
    const apic = await Apic.started();
    apic.write(DIVIDE, 0xb);
    apic.write(LVT_TIMER, PERIODIC | 0x40);
    const start = apic.now;
    apic.write(INITIAL, 100_000);
    let interrupts = 0;
    for (let i = 1n; i <= 5000n; i++) {
      apic.now = start + i * 100_000n + ((i * 7919n) % 90_000n);
      apic.harness.ring(apic.machine, apic.now);
      if (apic.take() === 0x40) interrupts++;
      apic.write(EOI, 0);
      assert.equal(apic.alarm, start + (i + 1n) * 100_000n, "no drift");
    }
    assert.equal(interrupts, 5000);
    apic.now = start + 5100n * 100_000n + 1n;
    apic.harness.ring(apic.machine, apic.now);
    assert.equal(apic.take(), 0x40);
    apic.write(EOI, 0);
    assert.deepEqual([apic.waiting, apic.alarm], [0, start + 5101n * 100_000n], "a hundred that are late are one");
    assert.equal(apic.read(CURRENT), 99_999);
  });

  test("a period of a tick leaves the guest 10 microseconds between interrupts", async () => {
    const apic = await Apic.started();
    apic.write(DIVIDE, 0xb);
    apic.write(LVT_TIMER, PERIODIC | 0x40);
    apic.write(INITIAL, 1);
    for (let i = 0; i < 10; i++) {
      assert.equal(apic.alarm, apic.now + 10_000n);
      apic.runTo(apic.alarm);
    }
  });

  test("a masked timer counts and sets no alarm; unmasked it interrupts at the next end", async () => {
    const apic = await Apic.started();
    apic.write(DIVIDE, 0xb);
    apic.write(LVT_TIMER, MASKED | PERIODIC | 0x40);
    const start = apic.now;
    apic.write(INITIAL, 100_000);
    assert.equal(apic.alarm, NEVER);
    apic.now += 250_000n;
    assert.equal(apic.read(CURRENT), 50_000);
    apic.write(LVT_TIMER, PERIODIC | 0x40);
    assert.deepEqual([apic.waiting, apic.alarm], [0, start + 300_000n]);
  });

  test("an initial count of 0 stops it", async () => {
    const apic = await Apic.started();
    apic.write(LVT_TIMER, 0x40);
    apic.write(INITIAL, 1000);
    apic.write(INITIAL, 0);
    assert.deepEqual([apic.alarm, apic.read(CURRENT)], [NEVER, 0]);
  });

  test("the largest count at the largest divisor does not overflow", async () => {
    const apic = await Apic.started();
    apic.write(DIVIDE, 0xa);
    apic.write(LVT_TIMER, 0x40);
    apic.write(INITIAL, 0xffffffff);
    assert.equal(apic.alarm, apic.now + (0xffffffffn << 7n));
    assert.equal(apic.read(CURRENT), 0xffffffff);
  });
});

describe("11.5.4.1: TSC-deadline mode", () => {
  const armed = async (): Promise<Apic> => {
    const apic = await Apic.x2Apic();
    apic.wrmsr(msr(LVT_TIMER), BigInt(DEADLINE | 0x40));
    return apic;
  };

  test("it interrupts once when the guest's counter gets there, and the MSR is 0 then", async () => {
    const apic = await armed();
    apic.harness.setTscOffset(apic.machine, -900n);
    apic.wrmsr(TSC_DEADLINE, 5000n);
    assert.deepEqual([apic.rdmsr(TSC_DEADLINE), apic.alarm], [5000n, 5900n]);
    apic.runTo(5899n);
    assert.equal(apic.waiting, 0);
    apic.runTo(5900n);
    assert.deepEqual([apic.take(), apic.rdmsr(TSC_DEADLINE), apic.alarm], [0x40, 0n, NEVER]);
  });

  test("a deadline that is over interrupts at once", async () => {
    const apic = await armed();
    apic.wrmsr(TSC_DEADLINE, 1n);
    assert.deepEqual([apic.take(), apic.alarm], [0x40, NEVER]);
  });

  test("one beyond the end of the host's counter never comes, and is not lost", async () => {
    const apic = await armed();
    apic.wrmsr(TSC_DEADLINE, NEVER);
    assert.equal(apic.rdmsr(TSC_DEADLINE), NEVER);
    assert.ok(apic.alarm > 1n << 63n);
    apic.harness.setTscOffset(apic.machine, NEVER - 10_000n);
    assert.equal(apic.alarm, 10_000n, "the guest's counter is nearly there now");
  });

  test("0 disarms, and a new one replaces the old", async () => {
    const apic = await armed();
    apic.wrmsr(TSC_DEADLINE, 5000n);
    apic.wrmsr(TSC_DEADLINE, 9000n);
    assert.equal(apic.alarm, 9000n);
    apic.wrmsr(TSC_DEADLINE, 0n);
    assert.equal(apic.alarm, NEVER);
  });

  test("the alarm follows the guest's counter when its offset changes", async () => {
    const apic = await armed();
    apic.wrmsr(TSC_DEADLINE, 5000n);
    apic.harness.setTscOffset(apic.machine, -1000n);
    assert.equal(apic.alarm, 6000n);
    apic.harness.setTscOffset(apic.machine, 4000n);
    assert.equal(apic.take(), 0x40);
  });

  test("a change of the mode disarms, and the other mode's register is dead", async () => {
    const apic = await armed();
    apic.wrmsr(TSC_DEADLINE, 5000n);
    apic.wrmsr(msr(INITIAL), 100n);
    assert.equal(apic.rdmsr(msr(CURRENT)), 0n);
    apic.wrmsr(msr(LVT_TIMER), 0x40n);
    assert.deepEqual([apic.alarm, apic.rdmsr(TSC_DEADLINE)], [NEVER, 0n]);
    apic.wrmsr(TSC_DEADLINE, 5000n);
    assert.deepEqual([apic.alarm, apic.rdmsr(TSC_DEADLINE)], [NEVER, 0n]);
    apic.wrmsr(msr(INITIAL), 100n);
    apic.wrmsr(msr(LVT_TIMER), BigInt(DEADLINE | 0x40));
    assert.equal(apic.alarm, NEVER);
  });
});

describe("state", () => {
  /** What a guest sees of it, and what waits. */
  const seen = (apic: Apic): unknown[] => {
    const registers: unknown[] = [apic.rdmsr(APIC_BASE), apic.waiting, apic.taskPriority, apic.rdmsr(TSC_DEADLINE)];
    for (let register = 0; register < 0x40; register++) registers.push(apic.rdmsr(0x800 + register));
    return registers;
  };

  for (const [name, mode] of [
    ["periodic", PERIODIC],
    ["TSC-deadline", DEADLINE],
  ] as const) {
    test(`a saved APIC with a ${name} timer is restored, and its alarm with it`, async () => {
      const apic = await Apic.x2Apic();
      for (const vector of [0x31, 0x82, 0xf3]) apic.message(vector, vector === 0x82);
      apic.take();
      apic.wrmsr(msr(LVT_TIMER), BigInt(mode | 0x40));
      apic.wrmsr(msr(INITIAL), 50_000n);
      apic.wrmsr(TSC_DEADLINE, apic.now + 100_000n);
      const table = apic.harness.createTable();
      assert.equal(apic.harness.save(apic.machine, table), 0);
      const [before, alarm] = [seen(apic), apic.alarm];
      apic.harness.reset(apic.machine);
      apic.wrmsr(APIC_BASE, BASE_DISABLED);
      assert.notDeepEqual(seen(apic), before);
      assert.equal(apic.harness.restore(apic.machine, table), 0);
      assert.deepEqual(seen(apic), before);
      assert.equal(apic.alarm, alarm);
      apic.wrmsr(msr(EOI), 0n);
      assert.equal(apic.take(), 0x82);
    });
  }

  test("a table of any numbers is refused or makes an APIC that works", async () => {
    const apic = await Apic.x2Apic();
    const table = apic.harness.createTable();
    apic.harness.save(apic.machine, table);
    const length = apic.harness.tableLength(table);
    for (const number of [NEVER, 1n, 0x8000_0000n, 0x5555_5555_5555_5555n, 0xaaaa_aaaa_aaaa_aaaan]) {
      for (let at = 0; at < length; at++) {
        apic.harness.save(apic.machine, table);
        apic.harness.setNumber(table, at, number);
        apic.harness.restore(apic.machine, table);
        apic.take();
        apic.runTo(apic.now + 1000n);
        apic.rdmsr(msr(CURRENT));
        apic.wrmsr(msr(EOI), 0n);
      }
    }
    apic.harness.reset(apic.machine);
    apic.harness.startLikeFirmware(apic.machine);
    apic.message(0x41);
    assert.equal(apic.waiting, WAITS | 0x41);
  });
});
