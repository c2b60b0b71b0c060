// The guests that `--guest` names, from the list that the hypervisor itself has.

interface GuestList {
  readonly GUEST_NAMES: readonly string[];
}

// Its types are AssemblyScript's, so it is imported as data.
const { GUEST_NAMES } = (await import(new URL("../hv/shared/guests.ts", import.meta.url).href)) as GuestList;

/** The names of the built-in guests; the boot command line says `guest=NAME`. */
export const guestNames: readonly string[] = GUEST_NAMES;

/** What `--guest` takes: the guests, and what `guest=mutate` runs instead of one (hv/core/vmx/mutate). */
export const runnableNames: readonly string[] = [...GUEST_NAMES, "mutate"];
