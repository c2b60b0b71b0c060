// The UART of uart-harness.ts as tests use it.
export const [DATA, IER, IIR, LCR, MCR, LSR, MSR, SCR] = [0, 1, 2, 3, 4, 5, 6, 7] as const;
/** The FIFO control is written where the identification is read. */
export const FCR = IIR;

export interface UartHarness {
  read(register: number): number;
  write(register: number, value: number): void;
  receive(byte: number): void;
  receiveBreak(): void;
  room(): number;
  isPlain(): number;
  reset(): void;
  isHigh(): number;
  rises(): number;
  sent(): number;
  save(): number;
  number(index: number): bigint;
  setNumber(index: number, value: bigint): void;
  restore(length: number): number;
  readRestored(register: number, length: number): number;
}
