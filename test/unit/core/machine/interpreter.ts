// Scripts of VM exits that come of the guest's own code, as far as the built-in guests have instructions.
import {
  cpuid,
  externalInterrupt,
  hlt,
  io,
  rdmsr,
  rdtsc,
  tripleFault,
  vmcall,
  type Exit,
  type Script,
} from "./exits.ts";
import { GuestException, NestedFault, type Guest } from "./guest.ts";
import { hasSvm } from "./svm/features.ts";

/**
 * Executes the guest's own instructions, fetched through its page tables and the EPT. What it cannot fetch is an EPT
 * violation or a triple fault.
 */
export const interpreted: Script = (guest) => interruptedAt([])(guest);

/** As `interpreted`, but where row n of `rips` is not null, the exit of entry n is an external interrupt at that RIP. */
export function interruptedAt(rips: readonly (bigint | null)[]): Script {
  return function* (guest) {
    for (let entry = 0; ; entry++) yield nextExit(guest, rips[entry] ?? null);
  };
}

function nextExit(guest: Guest, interruptAt: bigint | null): Exit {
  try {
    return interpret(guest, interruptAt);
  } catch (error) {
    if (error instanceof GuestException) return tripleFault;
    if (error instanceof NestedFault) return error.exit;
    throw error;
  }
}

/** Runs until an instruction exits, or until RIP is at `interruptAt`; RIP stands there then. */
function interpret(guest: Guest, interruptAt: bigint | null): Exit {
  const rows = guest.is64Bit ? [...common, ...of64Bit] : [...common, ...of16Bit];
  while (guest.rip !== interruptAt) {
    const code = Buffer.from(fetchAsFarAsPossible(guest));
    const row = rows.find(([bytes]) => bytes.every((byte, i) => code[i] === byte));
    if (!row) {
      const word = code.subarray(0, 2).toString("hex");
      throw new Error(`the built-in guests have no instruction ${word}: teach it to the interpreter`);
    }
    const [, length, execute] = row;
    const exit = execute(guest, code.subarray(0, length));
    if (exit) return exit;
    guest.rip += BigInt(length);
  }
  return externalInterrupt;
}

const LONGEST = 5n;
const PAGE = 4096n;

/** Up to five bytes, none of them behind the page: no built-in guest's instruction crosses its end. */
function fetchAsFarAsPossible(guest: Guest): Uint8Array {
  const address = guest.codeAddress;
  const rest = PAGE - (address % PAGE);
  return guest.fetch(address, Number(rest < LONGEST ? rest : LONGEST));
}

/** An instruction's first bytes, its length, and what it does: an exit, or nothing, and then RIP moves behind it. */
type Row = readonly [readonly number[], number, (guest: Guest, code: Buffer) => Exit | void];

const MASK = 0xffffffffffffffffn;

function jump(guest: Guest, distance: number, isTaken = true): void {
  if (isTaken) guest.rip += BigInt(distance);
}

function decrement(guest: Guest, register: string): bigint {
  const value = (guest.registers.get(register) - 1n) & MASK;
  guest.registers.set(register, value);
  return value;
}

/** repe scasq, upwards: may stop at an EPT violation in the middle, with the registers as they are there. */
function repeScasq(guest: Guest): void {
  const { registers } = guest;
  while (registers.get("rcx") !== 0n) {
    guest.zeroFlag = guest.readQuad(registers.get("rdi")) === registers.get("rax");
    registers.set("rdi", (registers.get("rdi") + 8n) & MASK);
    decrement(guest, "rcx");
    if (!guest.zeroFlag) return;
  }
}

/** VMCALL, or VMMCALL: each vendor has its own, and #UD for the other's. */
function hypercall({ processor }: Guest, isAmds: boolean): Exit {
  if (hasSvm(processor.model) !== isAmds) throw new GuestException("#UD: the hypercall of another vendor's processor");
  return vmcall;
}

const common: readonly Row[] = [
  [[0xf4], 1, () => hlt],
  [[0x0f, 0xa2], 2, () => cpuid],
  [[0x0f, 0x31], 2, () => rdtsc],
  [[0x0f, 0x01, 0xc1], 3, (guest) => hypercall(guest, false)],
  [[0x0f, 0x01, 0xd9], 3, (guest) => hypercall(guest, true)],
  [[0x74], 2, (guest, code) => jump(guest, code.readInt8(1), guest.zeroFlag)],
  [[0x75], 2, (guest, code) => jump(guest, code.readInt8(1), !guest.zeroFlag)],
  [[0xeb], 2, (guest, code) => jump(guest, code.readInt8(1))],
];

/** Sets the low `bits` of a register. */
function setLow(guest: Guest, register: string, bits: bigint, value: bigint): void {
  guest.registers.set(register, ((guest.registers.get(register) >> bits) << bits) | value);
}
const al = (guest: Guest): bigint => guest.registers.get("rax") & 0xffn;
const dx = (guest: Guest): bigint => guest.registers.get("rdx") & 0xffffn;
const si = (guest: Guest): bigint => guest.registers.get("rsi") & 0xffffn;

const of64Bit: readonly Row[] = [
  [
    [0x31, 0xc0], // xor eax, eax
    2,
    (guest) => {
      guest.registers.set("rax", 0n);
      guest.zeroFlag = true;
    },
  ],
  [
    [0x85, 0xdb], // test ebx, ebx
    2,
    (guest) => {
      guest.zeroFlag = (guest.registers.get("rbx") & 0xffffffffn) === 0n;
    },
  ],
  [
    [0x49, 0xff, 0xc8], // dec r8
    3,
    (guest) => {
      guest.zeroFlag = decrement(guest, "r8") === 0n;
    },
  ],
  [
    [0x40, 0x88, 0x3f], // mov [rdi], dil
    3,
    (guest) => guest.writeByte(guest.registers.get("rdi"), Number(guest.registers.get("rdi") & 0xffn)),
  ],
  [
    [0x48, 0x01, 0xf7], // add rdi, rsi
    3,
    (guest) => guest.registers.set("rdi", (guest.registers.get("rdi") + guest.registers.get("rsi")) & MASK),
  ],
  [[0xf3, 0x48, 0xaf], 3, repeScasq],
  [
    [0x0f, 0x0b], // ud2
    2,
    () => {
      throw new GuestException("#UD: UD2");
    },
  ],
  ...[
    [0xb8, "rax"],
    [0xb9, "rcx"],
    [0xba, "rdx"],
    [0xbf, "rdi"],
  ].map(([byte, register]): Row => {
    // mov r32, imm32
    return [[Number(byte)], 5, (guest, code) => guest.registers.set(String(register), BigInt(code.readUInt32LE(1)))];
  }),
  [[0x0f, 0x32], 2, () => rdmsr],
  [[0xee], 1, (guest) => io(dx(guest), false)],
  // mov [rdi + imm8], eax
  [
    [0x89, 0x47],
    3,
    (guest, code) => guest.writeData(guest.registers.get("rdi") + BigInt(code.readInt8(2)), guest.registers.get("rax")),
  ],
  [[0xe2], 2, (guest, code) => jump(guest, code.readInt8(1), decrement(guest, "rcx") !== 0n)], // loop
  [[0xe3], 2, (guest, code) => jump(guest, code.readInt8(1), guest.registers.get("rcx") === 0n)], // jrcxz
  [[0xe9], 5, (guest, code) => jump(guest, code.readInt32LE(1))],
];

const of16Bit: readonly Row[] = [
  [[0xbe], 3, (guest, code) => setLow(guest, "rsi", 16n, BigInt(code.readUInt16LE(1)))], // mov si, imm16
  [[0xba], 3, (guest, code) => setLow(guest, "rdx", 16n, BigInt(code.readUInt16LE(1)))], // mov dx, imm16
  [
    [0xac], // lodsb
    1,
    (guest) => {
      setLow(guest, "rax", 8n, BigInt(guest.readData(si(guest))));
      setLow(guest, "rsi", 16n, (si(guest) + 1n) & 0xffffn);
    },
  ],
  [
    [0x84, 0xc0], // test al, al
    2,
    (guest) => {
      guest.zeroFlag = al(guest) === 0n;
    },
  ],
  [
    [0xa8], // test al, imm8
    2,
    (guest, code) => {
      guest.zeroFlag = (al(guest) & BigInt(code[1]!)) === 0n;
    },
  ],
  [[0x88, 0xc4], 2, (guest) => setLow(guest, "rax", 16n, (al(guest) << 8n) | al(guest))], // mov ah, al
  [[0x88, 0xe0], 2, (guest) => setLow(guest, "rax", 8n, (guest.registers.get("rax") >> 8n) & 0xffn)], // mov al, ah
  [[0xec], 1, (guest) => io(dx(guest), true)],
  [[0xee], 1, (guest) => io(dx(guest), false)],
];
