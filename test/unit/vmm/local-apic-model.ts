// The local APIC once more, as plainly as the manual tells it (SDM 3A chapter 11): 256 booleans a register, time tick by tick.

const DIVISORS = [2, 4, 8, 16, 32, 64, 128, 1];
const LVT_WRITABLE = [0x700ff, 0x107ff, 0x107ff, 0x1a7ff, 0x1a7ff, 0x100ff];
const MASKED = 0x10000;
const TIMER = 0;
const LINT0 = 3;
const ERROR = 5;

const booleans = (): boolean[] => new Array<boolean>(256).fill(false);

export class ApicModel {
  isX2 = false;
  irr = booleans();
  isr = booleans();
  tmr = booleans();
  tpr = 0;
  svr = 0x1ff;
  ldr = 0;
  dfr = 0xffffffff;
  lvt = [MASKED, MASKED, MASKED, 0x700, 0x400, MASKED];
  esr = 0;
  errors = 0;
  errorArmed = true;
  nmis = 0;
  ends: number[] = [];
  externalHigh = false;
  externalVector = 0x20;
  externalAcknowledged = 0;
  divide = 0;
  initial = 0;
  /** Input ticks until the count is 0; 0 while the timer stands still. */
  left = 0;
  /** IA32_TSC_DEADLINE, and the guest's counter. */
  target = 0n;
  tsc = 0n;

  get divisor(): number {
    return DIVISORS[((this.divide & 8) >> 1) | (this.divide & 3)]!;
  }

  get isDeadline(): boolean {
    return (this.lvt[TIMER]! & 0x40000) !== 0;
  }

  /** ExtINT reaches the processor. */
  get external(): boolean {
    return this.externalHigh && (this.lvt[LINT0]! & (MASKED | 0x700)) === 0x700;
  }

  get ppr(): number {
    const highest = this.isr.lastIndexOf(true);
    const inService = highest < 0 ? 0 : highest - (highest % 16);
    return Math.floor(this.tpr / 16) * 16 >= inService ? this.tpr : inService;
  }

  /** The vector that the processor is to get, and whether another may follow at once. */
  get waiting(): number {
    const highest = this.irr.lastIndexOf(true);
    const fixed = highest >= 0 && Math.floor(highest / 16) > Math.floor(this.ppr / 16) ? 0x100 | highest : 0;
    if (!this.external) return fixed;
    return 0x100 | this.externalVector | (fixed === 0 ? 0 : 0x200);
  }

  take(): void {
    const waiting = this.waiting;
    if (waiting === 0) return;
    if (this.external) {
      this.externalAcknowledged++;
      this.externalHigh = false;
    } else {
      this.irr[waiting & 0xff] = false;
      this.isr[waiting & 0xff] = true;
    }
  }

  eoi(): void {
    const vector = this.isr.lastIndexOf(true);
    if (vector < 0) return;
    this.isr[vector] = false;
    if (this.tmr[vector]) this.ends.push(vector);
  }

  receive(mode: number, vector: number, isLevel: boolean): void {
    if (mode === 4) this.nmis++;
    if ((this.svr & 0x100) === 0) return;
    if (mode === 0 || mode === 1) this.accept(vector, isLevel);
  }

  accept(vector: number, isLevel: boolean): void {
    if (vector < 16) {
      this.error(0x40);
      return;
    }
    this.irr[vector] = true;
    this.tmr[vector] = isLevel;
  }

  error(bit: number): void {
    this.errors |= bit;
    if (!this.errorArmed) return;
    this.errorArmed = false;
    this.fire(ERROR);
  }

  fire(entry: number): void {
    const value = this.lvt[entry]!;
    if ((value & MASKED) === 0) this.accept(value & 0xff, false);
  }

  writeEsr(): void {
    this.esr = this.errors;
    this.errors = 0;
    this.errorArmed = true;
  }

  writeSvr(value: number): void {
    this.svr = value & 0x3ff;
    if ((this.svr & 0x100) === 0) this.lvt = this.lvt.map((entry) => entry | MASKED);
  }

  writeLvt(entry: number, value: number): void {
    const was = this.isDeadline;
    this.lvt[entry] = (value & LVT_WRITABLE[entry]!) | ((this.svr & 0x100) === 0 ? MASKED : 0);
    if (was === this.isDeadline) return;
    this.left = 0;
    this.initial = 0;
    this.target = 0n;
  }

  matches(destination: number, isLogical: boolean): boolean {
    if (destination === (this.isX2 ? 0xffffffff : 0xff)) return true;
    if (!isLogical) return destination === 0;
    if (this.isX2) return destination < 0x10000 && destination % 2 === 1;
    const id = this.ldr >>> 24;
    if (this.dfr >>> 28 === 15) return (destination & id) !== 0;
    return destination >> 4 === id >> 4 && (destination & id & 15) !== 0;
  }

  command(low: number, destination: number): void {
    const [mode, vector, shorthand] = [(low >> 8) & 7, low & 0xff, (low >> 18) & 3];
    if (shorthand === 3) return;
    if (mode < 2 && vector < 16) this.error(0x20);
    if (shorthand !== 0 || this.matches(destination, (low & 0x800) !== 0)) this.receive(mode, vector, false);
  }

  message(destination: number, isLogical: boolean, data: number): void {
    if (destination !== 0xff && !this.matches(destination, isLogical)) return;
    const isLevel = (data & 0x8000) !== 0;
    if (isLevel && (data & 0x4000) === 0) return;
    this.receive((data >> 8) & 7, data & 0xff, isLevel);
  }

  start(count: number): void {
    if (this.isDeadline) return;
    this.initial = count;
    this.left = count * this.divisor;
  }

  get count(): number {
    return this.isDeadline ? 0 : Math.ceil(this.left / this.divisor);
  }

  setDivide(value: number): void {
    const count = this.count;
    this.divide = value & 0xb;
    this.left = count * this.divisor;
  }

  setTarget(value: bigint): void {
    if (!this.isDeadline) return;
    this.target = value;
    this.checkTarget();
  }

  checkTarget(): void {
    if (this.target === 0n || this.target > this.tsc) return;
    this.target = 0n;
    this.fire(TIMER);
  }

  tick(): void {
    this.tsc++;
    this.checkTarget();
    if (this.left === 0 || --this.left > 0) return;
    if (this.lvt[TIMER]! & 0x20000) this.left = this.initial * this.divisor;
    this.fire(TIMER);
  }
}
