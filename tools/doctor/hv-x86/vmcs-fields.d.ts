// What hv/x86/vmcs-fields.ts exports, in the types of the tools; the fields themselves are read as a namespace.
export declare const FIELD_RESERVED_BITS: number;
