// The state of Basalt in Bochs where it reaches a function of the image.
import { askBochs } from "./bochs-debugger.ts";
import type { ImageSymbols } from "./image-symbols.ts";
import { dataOf, type MachineState } from "./machine-state.ts";
import { hex } from "./page-walker.ts";

/** The state when function `functionName` is reached for the first time, in a boot with command line `append`. */
export async function stopInBochs(symbols: ImageSymbols, functionName: string, append: string): Promise<MachineState> {
  const data = dataOf(symbols);
  const memory = `xp /${(data.end - data.start) / 8n}gx ${hex(data.start)}`;
  const { output, words } = await askBochs(symbols, { append, stopAt: functionName }, ["creg", "sreg", memory]);
  const field = (pattern: RegExp): bigint => {
    const found = pattern.exec(output)?.[1];
    if (found === undefined) throw new Error(`Bochs's debugger printed nothing like ${String(pattern)}`);
    return BigInt(found);
  };
  return {
    cr0: field(/^CR0=(0x[0-9a-f]+)/m),
    cr3: field(/^CR3=(0x[0-9a-f]+)/m),
    cr4: field(/^CR4=(0x[0-9a-f]+)/m),
    efer: field(/^EFER=(0x[0-9a-f]+)/m),
    gdtBase: field(/^gdtr:base=(0x[0-9a-f]+)/m),
    taskSelector: field(/^tr:(0x[0-9a-f]+)/m),
    memory: Buffer.from(BigUint64Array.from(words, BigInt).buffer),
    memoryStart: data.start,
  };
}
