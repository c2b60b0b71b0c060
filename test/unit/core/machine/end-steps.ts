// The steps that end a machine, as boot/runtime/runtime.h lays them out.

export interface EndStep {
  readonly kind: "out8" | "set16" | "wait8" | "triple-fault";
  readonly port: number;
  readonly mask: number;
  readonly value: number;
}

const STEPS = 16;
const STEP_BYTES = 8;
export const END_STEPS_BYTES = STEPS * STEP_BYTES;
const kinds = [null, "out8", "set16", "wait8", "triple-fault"] as const;

/** Those that do something. */
export function readEndSteps(bytes: Buffer): EndStep[] {
  const steps = Array.from({ length: STEPS }, (_, n) => {
    const [kind = 0, port = 0, mask = 0, value = 0] = [0, 2, 4, 6].map((at) => bytes.readUInt16LE(STEP_BYTES * n + at));
    const name = kinds[kind];
    if (name === undefined) throw new Error(`core handed over a step of kind ${kind}, expected 0 to 4`);
    return name === null ? [] : [{ kind: name, port, mask, value }];
  });
  return steps.flat();
}
