// The numbers of hv/shared/vcpu-page.ts, which core and a vmm tell each other.

// Its classes carry asc's decorator, which Node has no global for.
Object.assign(globalThis, { unmanaged: (target: unknown) => target });

// Its types are AssemblyScript's, so the module arrives as untyped data.
const table = (await import(new URL("../../hv/shared/vcpu-page.ts", import.meta.url).href)) as Record<string, unknown>;

/** A constant by its name. Throws where there is none. */
export function shared(name: string): number {
  const value = table[name];
  if (typeof value === "number") return value >>> 0;
  throw new Error(`found no number ${name} in hv/shared/vcpu-page.ts, expected one: correct the name`);
}
