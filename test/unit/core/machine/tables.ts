// The numbers and names of hv/x86 and hv/shared, for the simulated machine.

type Table = Readonly<Record<string, unknown>>;

/** Looks a constant up by its name; a name that the table does not have is a mistake of the test and throws. */
export type Lookup = (name: string) => number;

// hv/shared's classes carry asc's decorator, which Node has no global for.
Object.assign(globalThis, { unmanaged: (target: unknown) => target });

// Its types are AssemblyScript's, so each module arrives as untyped data.
async function load(path: string): Promise<Table> {
  return (await import(new URL(`../../../../hv/${path}.ts`, import.meta.url).href)) as Table;
}

function lookupIn(table: Table, path: string): Lookup {
  return (name) => {
    const value = table[name];
    if (typeof value === "number") return value;
    throw new Error(`found no number ${name} in hv/${path}.ts, expected one: correct the name`);
  };
}

async function lookup(path: string): Promise<Lookup> {
  return lookupIn(await load(path), path);
}

const fieldTable = await load("x86/vmcs-fields");
export const field = lookupIn(fieldTable, "x86/vmcs-fields");
export const msr = await lookup("x86/msr");
export const reason = await lookup("x86/exit-reasons");
export const vmError = await lookup("x86/vm-instruction-errors");
const controls = await lookup("x86/vmx-controls");
export const vcpuPage = await lookup("shared/vcpu-page");

/** A bit of the control words, such as PIN_NMI_EXITING. */
export function control(name: string): bigint {
  return BigInt(controls(name));
}

export const exitReasonNames = (await load("x86/exit-reasons"))["EXIT_REASON_NAMES"] as readonly string[];
export const guestNames = (await load("shared/guests"))["GUEST_NAMES"] as readonly string[];

const encodings = new Set((await load("x86/vmcs-field-names"))["VMCS_FIELD_ENCODINGS"] as number[]);
/** Constants for the parts of an encoding, some of which equal the encoding of a field. */
const partOfEncoding = /^(WIDTH_\d+|NATURAL_WIDTH|FIELD_.*|ACCESS_HIGH|CONTROL|READ_ONLY_DATA|GUEST_STATE|HOST_STATE)$/;

/** Every field of the SDM's appendix B: constant name and encoding. */
export const allFields: readonly (readonly [string, number])[] = Object.entries(fieldTable).filter(
  (entry): entry is [string, number] =>
    typeof entry[1] === "number" && encodings.has(entry[1]) && !partOfEncoding.test(entry[0]),
);

export const vmcb = await lookup("x86/vmcb");
export const svmExit = await lookup("x86/svm-exit-codes");
/** The name of an exit code of SVM. */
export const svmExitName = (await load("x86/svm-exit-codes"))["svmExitName"] as (code: number) => string;
