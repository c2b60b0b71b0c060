// Reads what init.sh writes to COM2: which run begins and ends, and between that the serial line of the run's machine.
import { parseResult, type BasaltResult } from "../serial.ts";

/** One run, as far as it has been reported. */
export interface RunReport {
  hasBegun: boolean;
  /** QEMU's exit status; null while it runs. */
  status: number | null;
  result: BasaltResult | null;
  readonly lines: string[];
  /** What QEMU, Linux and KVM said about it, a line each. */
  readonly remarks: string[];
}

export interface ReportListener {
  readonly onBegin: (run: number) => void;
  readonly onLine: (run: number, line: string) => void;
}

const beginLine = /^nested: run (\d+) begins$/;
const endLine = /^nested: run \d+ ended with (\d+)$/;
const remarkLine = /^nested: (.*)$/;

/** The reports of all runs of a boot. */
export class Report {
  readonly runs: readonly RunReport[];
  /** What init.sh had to say before a run began. */
  readonly remarks: string[] = [];

  readonly #listener: ReportListener;
  #current: RunReport | null = null;
  #number = -1;
  #emptyLines = 0;

  constructor(count: number, listener: ReportListener) {
    this.runs = Array.from({ length: count }, () => {
      return { hasBegun: false, status: null, result: null, lines: [], remarks: [] };
    });
    this.#listener = listener;
  }

  /** Takes the next line of COM2. */
  receive(line: string): void {
    const [, number] = beginLine.exec(line) ?? [];
    const [, status] = endLine.exec(line) ?? [];
    const [, remark] = remarkLine.exec(line) ?? [];
    if (number !== undefined) this.#begin(Number(number));
    else if (status !== undefined) this.#end(Number(status));
    else if (remark !== undefined) (this.#current ?? this).remarks.push(remark);
    else if (line === "") this.#emptyLines++;
    else this.#add(line);
  }

  #begin(number: number): void {
    this.#number = number;
    this.#current = this.runs[number] ?? null;
    this.#emptyLines = 0;
    if (this.#current === null) return;
    this.#current.hasBegun = true;
    this.#listener.onBegin(number);
  }

  #end(status: number): void {
    if (this.#current !== null) this.#current.status = status;
    this.#current = null;
  }

  /** An empty line is the machine's own only if a line of it follows: init.sh starts its report on a line of its own. */
  #add(line: string): void {
    const run = this.#current;
    if (run === null) return;
    for (; this.#emptyLines > 0; this.#emptyLines--) this.#addLine(run, "");
    this.#addLine(run, line);
  }

  #addLine(run: RunReport, line: string): void {
    run.lines.push(line);
    run.result ??= parseResult(line);
    this.#listener.onLine(this.#number, line);
  }
}

const offsetEvent = /^KVM: .* kvm_write_tsc_offset: .* next=(\d+)$/;
const portEvent = /^KVM: .* (\d+): kvm_pio: /;

/**
 * The time-stamp counter that the machine inside saw when it wrote to the port that ended it: KVM's own counter and the
 * offset that KVM adds. Null where it did not come to that.
 */
export function ticksAtEnd(remarks: readonly string[]): number | null {
  const last = (event: RegExp): string | undefined => {
    return remarks.flatMap((line) => event.exec(line)?.[1] ?? []).at(-1);
  };
  const [offset, counter] = [last(offsetEvent), last(portEvent)];
  if (offset === undefined || counter === undefined) return null;
  return Number(BigInt.asUintN(64, BigInt(offset) + BigInt(counter)));
}

/** The VM-entry checks that KVM names as failed. */
export function failedEntryChecks(remarks: readonly string[]): string[] {
  return remarks.flatMap((line) => /^KVM: .* kvm_nested_vmenter_failed: (.*)$/.exec(line)?.[1] ?? []);
}
