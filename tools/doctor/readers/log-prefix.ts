// What loggers and mails put before a line: timestamps, hosts, the kernel module's name, Xen's mark, marks of a quotation.

/** Each is tried at the place that the ones before it reached, in turn, until none fits. */
const PREFIXES: readonly RegExp[] = [
  / +/y,
  // A project's name, as in "[NoirVisor] " and "haxm_error:"; VirtualBox's time.
  /\[[A-Za-z][A-Za-z0-9_-]{2,31}\](?= )/y,
  /haxm_(?:debug|info|warning|error): ?/y,
  /[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{6}(?= )/y,
  // Quotations in mails, and what people write for a timestamp that they cut.
  />/y,
  /\[(?:…|\.{2,3})\]/y,
  // dmesg: severity, seconds since boot, caller.
  /<[0-9]{1,3}>/y,
  /\[ {0,12}[0-9]{1,12}\.[0-9]{1,9}\]/y,
  /\[ {0,12}[TC][0-9]{1,10}\]/y,
  // Xen's date, dmesg -T's date.
  /\[[0-9]{4}-[0-9]{2}-[0-9]{2}[ T][0-9:.+Z-]{5,21}\]/y,
  /\[[A-Z][a-z]{2} [A-Z][a-z]{2} {1,2}[0-9]{1,2} [0-9:.]{5,15} [0-9]{4}\]/y,
  // syslog and journalctl: date, host, program.
  /[A-Z][a-z]{2} {1,2}[0-9]{1,2} [0-9:.]{5,15} [^ ]{1,255} [^ :[\]]{1,64}(?:\[[0-9]{1,10}\])?:/y,
  /[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9:.,+Z-]{5,21} [^ ]{1,255} [^ :[\]]{1,64}(?:\[[0-9]{1,10}\])?:/y,
  /(?:kernel|kvm|kvm_intel|kvm_amd|vmx|SVM):/y,
  /kvm ?\[[0-9]{1,10}\]:/y,
  /\(XEN\)/y,
];

/** The column at which the line itself begins. */
export function afterLogPrefix(text: string): number {
  let column = 0;
  let found = true;
  while (found) {
    found = false;
    for (const prefix of PREFIXES) {
      prefix.lastIndex = column;
      if (prefix.test(text)) {
        column = prefix.lastIndex;
        found = true;
      }
    }
  }
  return column;
}
