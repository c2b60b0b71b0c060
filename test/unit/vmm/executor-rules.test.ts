// The executor's faults, its repeated instructions, and what it does not carry out: the cases that a CPU cannot be asked.
import assert from "node:assert/strict";
import { beforeEach, describe, test } from "node:test";
import { ABSENT_PAGE, ANSWERS, CODE, DATA, DEVICE_PAGE, PORT, READ_ONLY_PAGE, TestExecutor } from "./executor.ts";

const [RAX, RCX, RDX, RBX, RBP, RSI, RDI] = [0, 1, 2, 3, 5, 6, 7];
const UNDEFINED_OPCODE = 6;
const STACK_FAULT = 12;
const GENERAL_PROTECTION = 13;
const PAGE_FAULT = 14;
const NO_ERROR_CODE = 0xffffffff;
const WRITE_TO_PRESENT = 3;
const FLAGS = 0x8d7n;

const STORE = [0x89, 0x07]; // mov [rdi], eax
const ADD = [0x01, 0x07]; // add [rdi], eax
const REP_STOSD = [0xf3, 0xab];
const REP_MOVSD = [0xf3, 0xa5];
const REPE_CMPSB = [0xf3, 0xa6];

let executor: TestExecutor;
beforeEach(async () => {
  executor = await TestExecutor.load();
  executor.setMode(8);
  executor.setMemoryExit();
  executor.setCpu("rflags", FLAGS);
});

function run(code: readonly number[], registers: Readonly<Record<number, bigint | number>> = {}, offset = 0): number {
  executor.setCode(Uint8Array.from(code), offset);
  for (const [number, value] of Object.entries(registers)) executor.setRegister(Number(number), BigInt(value));
  return executor.emulate();
}

function assertFault(answer: number, vector: number, errorCode: number, address?: number): void {
  assert.equal(answer, ANSWERS.fault);
  assert.equal(executor.fault.vector, vector);
  assert.equal(executor.fault.errorCode, errorCode);
  if (address !== undefined) assert.equal(executor.fault.address, BigInt(address));
}

describe("fetching", () => {
  test("a page that is not there is a page fault at RIP", () => {
    executor.setCpu("rip", BigInt(CODE + 0x1000));
    assertFault(executor.emulate(), PAGE_FAULT, 0, CODE + 0x1000);
  });

  test("an instruction that reaches into such a page is one at the page's start", () => {
    assertFault(run(STORE, { [RDI]: DEVICE_PAGE }, 0xfff), PAGE_FAULT, 0, CODE + 0x1000);
  });

  test("an instruction that ends with its page is none", () => {
    assert.equal(run(STORE, { [RDI]: DEVICE_PAGE }, 0xffe), ANSWERS.emulated);
    assert.deepEqual(executor.deviceAccesses, [0, 1]);
  });

  test("code that was changed, and code whose page was mapped anew, is what is there now", () => {
    const registers = { [RDI]: DEVICE_PAGE, [RAX]: 5 };
    for (let i = 0; i < 3; i++) assert.equal(run(STORE, registers), ANSWERS.emulated);
    assert.equal(run(ADD, registers), ANSWERS.emulated);
    assert.deepEqual([...executor.read(DEVICE_PAGE, 4)], [10, 0, 0, 0]);
    executor.setCode(Uint8Array.from([0x29, 0x07]), 0x1000); // sub [rdi], eax
    executor.setCpu("rip", BigInt(CODE));
    executor.moveCodePage();
    assert.equal(executor.emulate(), ANSWERS.emulated);
    assert.deepEqual([...executor.read(DEVICE_PAGE, 4)], [5, 0, 0, 0]);
  });
});

describe("faults of the operand", () => {
  test("a read-modify-write that cannot write does not read the device either", () => {
    const at = READ_ONLY_PAGE - 2;
    assertFault(run(ADD, { [RDI]: at, [RAX]: 7 }), PAGE_FAULT, WRITE_TO_PRESENT, READ_ONLY_PAGE);
    assert.deepEqual(executor.deviceAccesses, [0, 0]);
    assert.equal(executor.rflags, FLAGS);
  });

  test("XCHG and CMPXCHG leave their registers as they were", () => {
    const registers = { [RDI]: READ_ONLY_PAGE, [RAX]: 7, [RDX]: 9 };
    for (const code of [
      [0x87, 0x17],
      [0x0f, 0xb1, 0x17],
      [0x0f, 0xc1, 0x17],
    ]) {
      assertFault(run(code, registers), PAGE_FAULT, WRITE_TO_PRESENT, READ_ONLY_PAGE);
      assert.deepEqual([executor.register(RAX), executor.register(RDX)], [7n, 9n]);
    }
  });

  test("a store into two pages writes no byte if the second one faults", () => {
    assertFault(run(STORE, { [RDI]: READ_ONLY_PAGE - 1, [RAX]: 0xffffffff }), PAGE_FAULT, WRITE_TO_PRESENT);
    assert.deepEqual([...executor.read(READ_ONLY_PAGE - 1, 2)], [0, 0]);
    assert.deepEqual(executor.deviceAccesses, [0, 0]);
  });

  test("an address that is not canonical is #GP, by way of RBP #SS", () => {
    assertFault(run(STORE, { [RDI]: 1n << 47n }), GENERAL_PROTECTION, 0);
    assertFault(run([0x89, 0x45, 0x00], { [RBP]: 1n << 47n }), STACK_FAULT, 0);
  });

  test("a write to a code segment is #GP in 32-bit code, a read is none", () => {
    executor.setMode(4);
    assertFault(run([0x2e, 0x89, 0x07], { [RDI]: DEVICE_PAGE }), GENERAL_PROTECTION, 0);
    assert.equal(run([0x2e, 0x8b, 0x07], { [RDI]: DEVICE_PAGE }), ANSWERS.emulated);
    assert.deepEqual(executor.deviceAccesses, [1, 0]);
  });

  test("an offset beyond the segment's limit is #GP in 32-bit code, by way of EBP #SS", () => {
    executor.setMode(4);
    executor.setSegment(2, 0n, DEVICE_PAGE + 2, 0xc093);
    executor.setSegment(3, 0n, DEVICE_PAGE + 2, 0xc093);
    assertFault(run(STORE, { [RDI]: DEVICE_PAGE }), GENERAL_PROTECTION, 0);
    assertFault(run([0x89, 0x45, 0x00], { [RBP]: DEVICE_PAGE }), STACK_FAULT, 0);
    assert.equal(run([0x66, 0x89, 0x07], { [RDI]: DEVICE_PAGE }), ANSWERS.emulated);
  });
});

describe("invalid instructions", () => {
  test("LOCK before MOV is #UD", () => {
    assertFault(run([0xf0, ...STORE], { [RDI]: DEVICE_PAGE }), UNDEFINED_OPCODE, NO_ERROR_CODE);
  });

  test("more than 15 bytes are #GP(0)", () => {
    assertFault(run([...Array<number>(14).fill(0x66), ...STORE], { [RDI]: DEVICE_PAGE }), GENERAL_PROTECTION, 0);
  });

  test("what cannot be decoded is told with its bytes and its place", () => {
    assert.equal(run([0x0f, 0xa2, 1, 2, 3]), ANSWERS.notHandled);
    assert.match(executor.complaint, /^cannot decode: bytes 0f a2 01 02 03( 00){10} at RIP 0x11000000$/);
  });

  test("an instruction without an operand in memory, and a load of a segment register, are not carried out", () => {
    assert.equal(run([0x89, 0xc0]), ANSWERS.notHandled);
    assert.equal(run([0x8e, 0x07], { [RDI]: DEVICE_PAGE }), ANSWERS.notHandled);
    assert.deepEqual(executor.deviceAccesses, [0, 0]);
  });
});

describe("repeated string instructions", () => {
  test("are done in portions of 64, at the same RIP", () => {
    const portions: [number, bigint][] = [
      [ANSWERS.resume, 136n],
      [ANSWERS.resume, 72n],
      [ANSWERS.resume, 8n],
      [ANSWERS.emulated, 0n],
    ];
    executor.setRegister(RDI, BigInt(DEVICE_PAGE));
    executor.setRegister(RCX, 200n);
    executor.setRegister(RAX, 0x01020304n);
    for (const [answer, left] of portions) {
      assert.equal(run(REP_STOSD), answer);
      assert.equal(executor.register(RCX), left);
      assert.equal(executor.register(RDI), BigInt(DEVICE_PAGE) + 4n * (200n - left));
    }
    assert.equal(executor.instructionLength, 2);
    assert.deepEqual(executor.deviceAccesses, [0, 200]);
  });

  test("do nothing with a count of 0", () => {
    assert.equal(run(REP_STOSD, { [RDI]: ABSENT_PAGE, [RCX]: 0 }), ANSWERS.emulated);
    assert.equal(executor.register(RDI), BigInt(ABSENT_PAGE));
  });

  test("stop with the registers of the iteration that faults", () => {
    executor.write(DATA, new Uint8Array(64).fill(0x5a));
    const answer = run(REP_MOVSD, { [RSI]: DATA, [RDI]: READ_ONLY_PAGE - 12, [RCX]: 10 });
    assertFault(answer, PAGE_FAULT, WRITE_TO_PRESENT, READ_ONLY_PAGE);
    assert.equal(executor.register(RCX), 7n);
    assert.equal(executor.register(RSI), BigInt(DATA + 12));
    assert.equal(executor.register(RDI), BigInt(READ_ONLY_PAGE));
    assert.deepEqual([...executor.read(READ_ONLY_PAGE - 12, 12)], Array<number>(12).fill(0x5a));
  });

  test("do not read a device for a destination that faults", () => {
    assertFault(run([0xa5], { [RSI]: DEVICE_PAGE, [RDI]: ABSENT_PAGE }), PAGE_FAULT, 2, ABSENT_PAGE);
    assert.deepEqual(executor.deviceAccesses, [0, 0]);
  });

  test("of comparisons keep the flags of before where one faults", () => {
    const answer = run(REPE_CMPSB, { [RSI]: DATA, [RDI]: ABSENT_PAGE - 4, [RCX]: 20 });
    assertFault(answer, PAGE_FAULT, 0, ABSENT_PAGE);
    assert.equal(executor.register(RCX), 16n);
    assert.equal(executor.rflags, FLAGS);
  });
});

describe("INS and OUTS", () => {
  const IN = 8;
  const STRING = 16;

  test("move between memory and the port of the exit", () => {
    executor.write(DATA, Uint8Array.of(0x11, 0x22));
    executor.setPortExit(PORT, STRING);
    assert.equal(run([0xf3, 0x6e], { [RSI]: DATA, [RCX]: 2, [RDX]: PORT }), ANSWERS.emulated);
    assert.equal(executor.portBytes[0], 0x22);
    executor.setPortExit(PORT, STRING | IN);
    assert.equal(run([0x6c], { [RDI]: DATA + 8, [RDX]: PORT }), ANSWERS.emulated);
    assert.deepEqual([...executor.read(DATA + 8, 2)], [0x22, 0]);
    assert.equal(executor.register(RDI), BigInt(DATA + 9));
  });

  test("do not read the port for a destination that faults", () => {
    executor.setPortExit(PORT, STRING | IN);
    assertFault(run([0x6c], { [RDI]: READ_ONLY_PAGE, [RDX]: PORT }), PAGE_FAULT, WRITE_TO_PRESENT);
    assert.equal(executor.portReads, 0);
  });

  test("are not carried out where the exit was for something else", () => {
    const registers = { [RSI]: DATA, [RDI]: DATA, [RDX]: PORT };
    executor.setMemoryExit();
    assert.equal(run([0x6e], registers), ANSWERS.notHandled);
    for (const [port, flags] of [
      [PORT + 1, STRING],
      [PORT, STRING | IN],
      [PORT, STRING | 1],
      [PORT, 0],
    ] as const) {
      executor.setPortExit(port, flags);
      assert.equal(run([0x6e], registers), ANSWERS.notHandled, `${port} ${flags}`);
    }
  });
});

describe("the address that the exit tells", () => {
  test("gives one access of the device for a load, a store, and two for what does both", () => {
    for (const [code, isWrite, accesses] of [
      [STORE, true, [0, 1]],
      [[0x8b, 0x07], false, [1, 1]],
      [ADD, true, [2, 2]],
    ] as const) {
      executor.setMemoryExit(DEVICE_PAGE + 8, isWrite);
      assert.equal(run(code, { [RDI]: DEVICE_PAGE + 8 }), ANSWERS.emulated);
      assert.deepEqual(executor.deviceAccesses, accesses);
    }
  });

  test("is not believed where it is not the operand's", () => {
    for (let i = 0; i < 2; i++) {
      executor.setMemoryExit(DEVICE_PAGE + 64, true);
      assert.equal(run(STORE, { [RDI]: DEVICE_PAGE + 8 + i, [RAX]: 0xaa }), ANSWERS.emulated);
      assert.equal(executor.read(DEVICE_PAGE + 8 + i, 1)[0], 0xaa);
    }
    assert.equal(executor.read(DEVICE_PAGE + 64, 1)[0], 0);
    executor.setMemoryExit(READ_ONLY_PAGE, true);
    assertFault(run(STORE, { [RDI]: READ_ONLY_PAGE + 4 }), PAGE_FAULT, WRITE_TO_PRESENT, READ_ONLY_PAGE + 4);
  });
});

describe("16-bit code in real-address mode", () => {
  test("addresses wrap at 64 KiB, and a word across the limit is #GP without an error code", () => {
    executor.setCode(Uint8Array.from([0x89, 0x40, 0x10])); // mov [bx+si+16], ax
    executor.setRealMode();
    executor.setRegister(RAX, 0x1234n);
    executor.setRegister(RBX, 0xabcd_8000n);
    executor.setRegister(RSI, 0x8000n);
    assert.equal(executor.emulate(), ANSWERS.emulated);
    assert.deepEqual([...executor.read(DATA + 16, 2)], [0x34, 0x12]);
    executor.setRegister(RSI, 0x7fefn);
    assertFault(executor.emulate(), GENERAL_PROTECTION, NO_ERROR_CODE);
  });

  test("REP STOSW keeps the registers' upper halves", () => {
    executor.setCode(Uint8Array.from([0xf3, 0xab]));
    executor.setRealMode();
    executor.setRegister(RCX, 0xffff_0003n);
    executor.setRegister(RDI, 0xffff_0020n);
    executor.setRegister(RAX, 0x5566n);
    assert.equal(executor.emulate(), ANSWERS.emulated);
    assert.equal(executor.register(RCX), 0xffff_0000n);
    assert.equal(executor.register(RDI), 0xffff_0026n);
    assert.deepEqual([...executor.read(DATA + 0x20, 8)], [0x66, 0x55, 0x66, 0x55, 0x66, 0x55, 0, 0]);
  });
});
