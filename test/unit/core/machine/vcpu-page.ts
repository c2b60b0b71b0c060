// The vCPU page as a vmm that a test plays sees it: fields by name, laid out as in hv/shared/vcpu-page.ts.
import { readFileSync } from "node:fs";
import { vcpuPage } from "./tables.ts";

const source = readFileSync(new URL("../../../../hv/shared/vcpu-page.ts", import.meta.url), "utf8");

/** Offset and bytes of each field of a class. */
function layout(name: string): ReadonlyMap<string, readonly [number, number]> {
  const body = new RegExp(`class ${name} \\{([^}]*)\\}`).exec(source)?.[1];
  if (body === undefined) throw new Error(`hv/shared/vcpu-page.ts has no class ${name}`);
  const fields = new Map<string, readonly [number, number]>();
  let end = 0;
  for (const [, field, bits] of body.matchAll(/^ {2}(\w+): u(\d+);/gm)) {
    const bytes = Number(bits) / 8;
    const offset = Math.ceil(end / bytes) * bytes;
    fields.set(field!, [offset, bytes]);
    end = offset + bytes;
  }
  return fields;
}

const page = layout("VcpuPage");
const cpuState = layout("CpuState");
const segment = layout("SegmentState");
const segments = ["es", "cs", "ss", "ds", "fs", "gs", "ldtr", "tr"];

export class VcpuPageView {
  readonly #view: DataView;

  /** `start` is the page's place in `memory`. */
  constructor(memory: ArrayBuffer, start: number) {
    this.#view = new DataView(memory, start, 4096);
  }

  /** A field: of the page itself, of CpuState, or of a segment, as `cs.base`. */
  get(name: string): bigint {
    const [offset, bytes] = this.#place(name);
    return bytes === 8 ? this.#view.getBigUint64(offset, true) : BigInt(this.#view.getUint32(offset, true));
  }

  set(name: string, value: bigint): void {
    const [offset, bytes] = this.#place(name);
    if (bytes === 8) this.#view.setBigUint64(offset, value, true);
    else this.#view.setUint32(offset, Number(value), true);
  }

  /** What core wrote to INPUT_OFFSET. */
  get input(): string {
    const start = this.#view.byteOffset + vcpuPage("INPUT_OFFSET");
    return Buffer.from(this.#view.buffer, start, Number(this.get("inputLength"))).toString("latin1");
  }

  #place(name: string): readonly [number, number] {
    const [first, second] = name.split(".");
    const number = segments.indexOf(first ?? "");
    const inSegment = second === undefined ? undefined : segment.get(second);
    const state = cpuState.get(name);
    if (number >= 0 && inSegment) {
      const start = vcpuPage("SEGMENTS_OFFSET") + number * vcpuPage("SEGMENT_STATE_BYTES");
      return [start + inSegment[0], inSegment[1]];
    }
    const inPage = page.get(name);
    if (inPage) return inPage;
    if (state) return [vcpuPage("CPU_STATE_OFFSET") + state[0], state[1]];
    throw new Error(`found no field ${name} in hv/shared/vcpu-page.ts, expected one: correct the name`);
  }
}
