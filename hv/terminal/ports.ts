// What the terminal may ask of its host: the ports of the keyboard controller, 0x60 and 0x64, and of VGA's cursor, 0x3D4
// and 0x3D5, and no other.

/** Reads a port; 0xff for any other. */
export declare function in8(port: u32): u32;
/** Writes the low byte of `value` to a port; nothing happens for any other. */
export declare function out8(port: u32, value: u32): void;
