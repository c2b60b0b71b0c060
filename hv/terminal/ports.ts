// What the terminal may ask of its host: the two ports of the keyboard controller, 0x60 and 0x64, and no other.

/** Reads a port; 0xff for a port that is not the keyboard controller's. */
export declare function in8(port: u32): u32;
/** Writes the low byte of `value` to a port; nothing happens for a port that is not the keyboard controller's. */
export declare function out8(port: u32, value: u32): void;
