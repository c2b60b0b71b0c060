// One counter of the 8254, clock by clock, as the data sheet's "Mode Definitions" tell it: the judge of the computed
// one.

export class CounterModel {
  out = true;
  gate = true;
  /** How often OUT has risen. */
  rises = 0;
  isNull = true;
  /** The counting element holds a count that was loaded since the control word. */
  isLoaded = false;
  private mode = 0;
  private counts = 0x10000;
  /** The count register, the count that was loaded last, and the counting element. */
  private register = 0;
  private loaded = 0;
  private element = 0;
  private isToLoad = false;
  private isArmed = false;
  private hasStrobe = false;

  setMode(mode: number, isBcd: boolean): void {
    this.mode = mode;
    this.counts = isBcd ? 10000 : 0x10000;
    this.isLoaded = this.isToLoad = this.isArmed = this.hasStrobe = false;
    this.isNull = true;
    this.setOut(mode !== 0);
  }

  /** A count from 1 to as many as there are. */
  writeCount(count: number): void {
    this.register = count;
    this.isNull = true;
    if (this.mode === 0 || this.mode === 4) this.isToLoad = true;
    else if ((this.mode === 2 || this.mode === 3) && !this.isLoaded) this.isToLoad = true;
    if (this.mode === 0) this.setOut(false);
    else if (this.mode === 4) this.setOut(true);
  }

  setGate(gate: boolean): void {
    const rises = gate && !this.gate;
    this.gate = gate;
    const isPeriodic = this.mode === 2 || this.mode === 3;
    if (isPeriodic && !gate) this.setOut(true);
    if (rises && (this.mode === 1 || this.mode === 5 || isPeriodic) && !(this.isNull && !this.hasRegister))
      this.isToLoad = true;
  }

  /** A falling edge of CLK. */
  clock(): void {
    if (this.isToLoad) this.load();
    else if (this.isLoaded) this.count();
  }

  /** What a read tells, 0 for as many as there are. */
  get value(): number {
    return this.element % this.counts;
  }

  private get hasRegister(): boolean {
    return this.register !== 0;
  }

  private load(): void {
    this.isToLoad = false;
    this.isLoaded = true;
    this.isNull = false;
    this.isArmed = true;
    this.loaded = this.register;
    this.element = this.mode === 3 ? this.loaded & ~1 : this.loaded;
    if (this.mode === 1) this.setOut(false);
    else if (this.mode === 5 || this.mode === 4) this.setOut(true);
  }

  private count(): void {
    if (this.mode === 2 || this.mode === 3) {
      if (!this.gate) return;
      if (this.mode === 2) this.countRate();
      else this.countSquareWave();
      return;
    }
    if ((this.mode === 0 || this.mode === 4) && !this.gate) return;
    this.element = (this.element - 1 + this.counts) % this.counts;
    const isEnd = this.element === 0 && this.isArmed;
    if (this.mode <= 1) {
      if (isEnd) this.setOut(true);
    } else this.setOut(!isEnd);
    if (isEnd) this.isArmed = false;
  }

  private countRate(): void {
    if (this.element === 1) {
      this.load();
      this.setOut(true);
    } else {
      this.element--;
      if (this.element === 1) this.setOut(false);
    }
  }

  private countSquareWave(): void {
    const isLong = this.loaded % 2 === 1 && this.out;
    if (this.element !== (isLong ? 0 : 2)) {
      this.element -= 2;
      return;
    }
    this.load();
    this.setOut(!this.out);
  }

  private setOut(out: boolean): void {
    if (out && !this.out) this.rises++;
    this.out = out;
  }
}
