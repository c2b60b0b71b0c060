// guest=mutate on the simulated processor, whose checks of VM entry are its own: here nothing need be left out.
import assert from "node:assert/strict";
import { test } from "node:test";
import { assertEnd } from "./assertions.ts";
import { bochsPc } from "./machine/bochs-pc.ts";
import { cpuModel, type CpuModel } from "./machine/cpu-model.ts";
import type { Exit, Script } from "./machine/exits.ts";
import { boot } from "./machine/machine.ts";
import { JournalReader, type Attempt } from "./machine/mutate-journal.ts";
import type { PortDevice } from "./machine/ports.ts";
import { reason } from "./machine/tables.ts";

const LOG_PORT = 0x402;
/** By which Basalt knows an emulator. */
const EMULATOR_PORT = 0xe9;
const LEAST = 10_000;

/** What takes the journal: lines that end in a newline. */
class Log implements PortDevice {
  readonly isUnrecorded = true;
  readonly journal = new JournalReader();
  #line = "";

  read(): number {
    return 0xff;
  }

  write(_offset: number, _bytes: number, value: number): void {
    if (value !== 0x0a) this.#line += String.fromCharCode(value);
    else {
      this.journal.take(this.#line);
      this.#line = "";
    }
  }
}

const timerExit: Exit = { reason: reason("EXIT_REASON_VMX_PREEMPTION_TIMER_EXPIRED") };
const exitsAtOnce: Script = function* () {
  while (true) yield timerExit;
};

const EXTENDED_FEATURES = 0x80000001;
const SYSCALL = 1 << 11;

/** CPUID shows SYSCALL in 64-bit mode only (SDM 2A, "CPUID"); the models were asked in another mode. */
function in64BitMode(model: CpuModel): CpuModel {
  const [eax, ebx, ecx, edx] = model.leaf(EXTENDED_FEATURES);
  return model.withLeaf(EXTENDED_FEATURES, [eax, ebx, ecx, (edx | SYSCALL) >>> 0]);
}

function attemptsOn(model: string): { attempts: readonly Attempt[]; lines: readonly string[] } {
  const log = new Log();
  const run = boot({
    ...bochsPc,
    commandLine: "guest=mutate mutate=all",
    cpu: in64BitMode(cpuModel(model)),
    scripts: [exitsAtOnce],
    hostMayChange: true,
    prepare(machine) {
      bochsPc.prepare?.(machine);
      machine.ports.attach(LOG_PORT, 1, log);
      machine.ports.attach(EMULATOR_PORT, 1, { read: () => EMULATOR_PORT, write: () => undefined });
    },
  });
  assertEnd(run, "ok");
  return { attempts: log.journal.attempts, lines: run.lines };
}

for (const model of ["corei7_skylake_x", "corei7_icelake_u", "corei7_sandy_bridge_2600k", "core2_penryn_t9600"]) {
  test(`on the simulated ${model} every VM entry ends as the doctor foretells`, (t) => {
    const { attempts } = attemptsOn(model);
    const executed = attempts.filter(({ isExecuted }) => isExecuted);
    const wrong = executed.filter(({ expected, outcome }) => outcome === "" || !expected.includes(outcome));
    t.diagnostic(`${executed.length} VMLAUNCHes executed, ${attempts.length - executed.length} undecidable`);
    assert.deepEqual(wrong.map(describe), []);
    assert.ok(executed.length >= LEAST, `${executed.length} VMLAUNCHes, expected ${LEAST} or more`);
  });
}

function describe({ base, flips, expected, outcome, violated }: Attempt): string {
  const bits = flips.map(([name, mask]) => `${name.toString(16)}^${mask.toString(16)}`);
  return `${base} ${bits.join(" ")}: expected ${expected}, found ${outcome}; violated: ${violated.join(", ")}`;
}
