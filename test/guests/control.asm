; Control registers and the instructions that they govern, in 64-bit mode.

%include "lib/guest.inc"
%include "lib/msr.inc"

main:
    mov r15, cr0
    mov r14, cr4
    call check_cr0
    call check_machine_status_word
    call check_cr3
    call check_cr4
    call check_cr8
    call check_encodings
    call check_privilege
    call check_cr0_effects
    call check_cr4_effects
    jmp check_optional_instructions

; RAX = CR%1 with bit %2 set.
%macro with_bit 2
    mov rax, cr%1
    bts rax, %2
%endmacro

%macro without_bit 2
    mov rax, cr%1
    btr rax, %2
%endmacro

; Checks that bit %3 of CR%2, named %1, can be set and cleared.
%macro check_toggles 3
    with_bit %2, %3
    mov cr%2, rax
    mov rsi, cr%2
    mov rdi, rsi
    btr rdi, %3
    mov cr%2, rdi
    mov rdi, cr%2
    xor rdi, rsi
    xor esi, esi
    bts rsi, %3
    check {"CR", %str(%2), ".", %1, " can be set and cleared"}, rdi, rsi
%endmacro

; SDM 2B, MOV to control registers; SDM 3A 2.5
check_cr0:
    check_toggles "MP", 0, 1
    check_toggles "EM", 0, 2
    check_toggles "TS", 0, 3
    check_toggles "NE", 0, 5
    check_toggles "WP", 0, 16
    check_toggles "AM", 0, 18
    mov cr0, r15
    without_bit 0, 4
    mov cr0, rax
    mov rax, cr0
    check "CR0.ET is always set", rax, r15
    with_bit 0, 32
    raises "CR0 bit 32 is reserved", GP, 0, {mov cr0, rax}
    with_bit 0, 63
    raises "CR0 bit 63 is reserved", GP, 0, {mov cr0, rax}
    if_tcg_machine .no_clear
    without_bit 0, 31
    raises "CR0.PG cannot be cleared in 64-bit mode", GP, 0, {mov cr0, rax}
    without_bit 0, 0
    raises "CR0.PE cannot be cleared under paging", GP, 0, {mov cr0, rax}
    jmp .cache
.no_clear:
    skip "CR0.PG cannot be cleared in 64-bit mode", "QEMU's own CPU would leave long mode"
    skip "CR0.PE cannot be cleared under paging", "QEMU's own CPU would leave long mode"
.cache:
    with_bit 0, 29
    raises "CR0.NW without CD", GP, 0, {mov cr0, rax}
    mov cr0, r15
    with_bit 0, 30
    mov cr0, rax
    mov rsi, cr0
    check "CR0.CD can be set", rsi, rax
    with_bit 0, 29
    mov cr0, rax
    mov rsi, cr0
    check "CR0.NW can be set with CD", rsi, rax
    mov cr0, r15
    mov rax, cr0
    check "CR0.CD and NW can be cleared", rax, r15
    wbinvd
    ret

; SDM 2A, LMSW and CLTS; SDM 2B, SMSW
check_machine_status_word:
    mov eax, CR0_PE | CR0_MP | CR0_TS
    lmsw ax
    mov rax, cr0
    mov rsi, r15
    or esi, CR0_TS
    check "LMSW sets TS", rax, rsi
    smsw rax
    check "SMSW reads all of CR0 into 64 bits", rax, rsi
    mov rax, -1
    o16 smsw ax
    or rsi, -1
    mov si, CR0_PE | CR0_MP | CR0_ET | CR0_NE | CR0_TS
    check "SMSW changes 16 bits of a 16-bit register", rax, rsi
    mov qword [.memory], -1
    smsw [.memory]
    check "SMSW writes 16 bits of memory", qword [.memory], rsi
    clts
    mov rax, cr0
    check "CLTS clears TS", rax, r15
    mov eax, CR0_MP
    lmsw ax
    mov rax, cr0
    check "LMSW cannot clear PE", rax, r15
    mov eax, 0xfff0 | CR0_PE | CR0_MP
    lmsw ax
    mov rax, cr0
    check "LMSW changes no bits above TS", rax, r15
    mov word [.memory], CR0_PE
    lmsw [.memory]
    mov rax, cr0
    mov rsi, r15
    and esi, ~CR0_MP
    check "LMSW from memory clears MP", rax, rsi
    mov cr0, r15
    ret
section .data
    align 8
check_machine_status_word.memory: dq 0
section .text

; SDM 2B, MOV to control registers; SDM 3A 4.5
check_cr3:
    mov r12, cr3
    if_tcg .no_reserved
    mov rax, r12
    bts rax, 63
    raises "CR3 bit 63 is reserved without PCIDs", GP, 0, {mov cr3, rax}
    mov rax, r12
    bts rax, 62
    raises "CR3 bits above MAXPHYADDR are reserved", GP, 0, {mov cr3, rax}
    jmp .ignored
.no_reserved:
    skip "CR3 bit 63 is reserved without PCIDs", "QEMU's own CPU would walk page tables at that address"
    skip "CR3 bits above MAXPHYADDR are reserved", "QEMU's own CPU would walk page tables at that address"
.ignored:
    mov rax, r12
    or eax, 0xfe7
    mov cr3, rax
    mov rsi, rax
    mov rax, cr3
    mov cr3, r12
    and eax, ~0xfff
    check "CR3 ignores bits below 12", rax, r12
    ret

check_cr4:
    check_toggles "TSD", 4, 2
    check_toggles "DE", 4, 3
    check_toggles "PGE", 4, 7
    check_toggles "PCE", 4, 8
    check_toggles "OSFXSR", 4, 9
    check_toggles "OSXMMEXCPT", 4, 10
    mov cr4, r14
    if_tcg_machine .no_pae
    without_bit 4, 5
    raises "CR4.PAE cannot be cleared in long mode", GP, 0, {mov cr4, rax}
    with_bit 4, 12
    raises "CR4.LA57 cannot be changed in long mode", GP, 0, {mov cr4, rax}
    with_bit 4, 15
    raises "CR4 bit 15 is reserved", GP, 0, {mov cr4, rax}
    with_bit 4, 31
    raises "CR4 bit 31 is reserved", GP, 0, {mov cr4, rax}
    with_bit 4, 63
    raises "CR4 bit 63 is reserved", GP, 0, {mov cr4, rax}
    jmp .reserved
.no_pae:
    skip "CR4.PAE cannot be cleared in long mode", "QEMU's own CPU would leave long mode"
    skip "CR4.LA57 cannot be changed in long mode", "QEMU's own CPU would leave long mode"
    skip "reserved bits of CR4", "QEMU's own CPU hangs"
.reserved:
    mov rax, cr4
    check "a refused write leaves CR4 as it was", rax, r14
    mov cr4, r14

    mov eax, 1
    cpuid
    bt ecx, 17
    jnc .no_pcid
    mov r12, cr3
    lea rax, [r12 + 1]
    mov cr3, rax
    with_bit 4, 17
    raises "CR4.PCIDE cannot be set while CR3 has a PCID", GP, 0, {mov cr4, rax}
    mov cr3, r12
    check_toggles "PCIDE", 4, 17
    with_bit 4, 17
    mov cr4, rax
    lea rax, [r12 + 5]
    bts rax, 63
    survives "CR3 bit 63 says with PCIDs that nothing is to be flushed", {mov cr3, rax}
    mov rax, cr3
    lea rsi, [r12 + 5]
    check "CR3 reads without bit 63", rax, rsi
    mov cr3, r12
    mov cr4, r14
    ret
.no_pcid:
    skip "CR4.PCIDE cannot be set while CR3 has a PCID", "no PCIDs"
    ret

LOCAL_APIC equ 0xfee00000
APIC_TASK_PRIORITY equ 0x80

; SDM 3A 11.8.6
check_cr8:
    mov eax, 11
    mov cr8, rax
    mov rsi, cr8
    check "CR8 holds four bits", rsi, rax
    mov eax, 16
    raises "CR8 bit 4 is reserved", GP, 0, {mov cr8, rax}
    mov eax, 1
    cpuid
    bt edx, 9
    jnc .no_apic
    mov edi, LOCAL_APIC
    mov esi, [rdi + APIC_TASK_PRIORITY]
    check "CR8 is the class of the local APIC's task priority", rsi, 11 << 4
    mov dword [rdi + APIC_TASK_PRIORITY], 5 << 4
    mov rax, cr8
    check "the local APIC's task priority is seen in CR8", rax, 5
    jmp .end
.no_apic:
    skip "CR8 is the class of the local APIC's task priority", "no local APIC"
.end:
    xor eax, eax
    mov cr8, rax
    ret

; SDM 2B, MOV to and from control registers
check_encodings:
    raises "there is no CR1", UD, none, {db 0x0f, 0x20, 0xc8}
    raises "there is no CR5", UD, none, {db 0x0f, 0x22, 0xe8}
    raises "there is no CR15", UD, none, {db 0x44, 0x0f, 0x20, 0xf8}
    raises "MOV of a control register takes no LOCK", UD, none, {db 0xf0, 0x0f, 0x20, 0xc0}
    xor eax, eax
    db 0x0f, 0x20, 0x00
    check "MOV of a control register takes any mod as a register", rax, r15
    mov rax, -1
    db 0x66, 0x0f, 0x20, 0xc0
    check "MOV of a control register has 64 bits whatever prefix", rax, r15
    ret

; Checks that instruction %2 raises #GP(0) at privilege level 3.
%macro check_privileged 2
    try
    enter_user CODE64
    expect_here
    %2
    ud2
    caught
    check_exception {%1, " at privilege level 3"}, GP, 0
%endmacro

check_privilege:
    check_privileged "MOV from CR0", {mov rax, cr0}
    check_privileged "MOV to CR0", {mov cr0, rax}
    check_privileged "MOV to CR3", {mov cr3, rax}
    check_privileged "MOV from CR4", {mov rax, cr4}
    check_privileged "MOV from CR8", {mov rax, cr8}
    check_privileged "MOV from DR7", {mov rax, dr7}
    check_privileged "LMSW", {lmsw ax}
    check_privileged "CLTS", clts
    check_privileged "HLT", hlt
    check_privileged "INVD", invd
    check_privileged "WBINVD", wbinvd
    check_privileged "INVLPG", {invlpg [abs 0]}
    check_privileged "LGDT", {lgdt [abs 0]}
    check_privileged "LIDT", {lidt [abs 0]}
    check_privileged "LLDT", {lldt ax}
    check_privileged "LTR", {ltr ax}
    check_privileged "CLI", cli
    check_privileged "STI", sti
    check_privileged "IN", {in al, 0x80}
    check_privileged "OUT", {out 0x80, al}
    check_privileged "SWAPGS", swapgs
    survives "WBINVD", wbinvd
    ; Everything that counts is written back.
    survives "INVD behind WBINVD", {db 0x0f, 0x09, 0x0f, 0x08}
    ret

; SDM 3A 2.5, table 2-2; SDM 3A 4.6.1
check_cr0_effects:
    with_bit 0, 3
    mov cr0, rax
    raises "x87 with CR0.TS", NM, none, fldz
    raises "WAIT with CR0.TS and MP", NM, none, wait
    raises "SSE with CR0.TS", NM, none, {movaps xmm0, xmm0}
    mov cr0, r15
    with_bit 0, 2
    mov cr0, rax
    raises "x87 with CR0.EM", NM, none, fldz
    raises "SSE with CR0.EM", UD, none, {movaps xmm0, xmm0}
    mov cr0, r15
    mov qword [own_pages], PAGE_PRESENT | 0x100000
    mov al, [abs OWN_PAGES]
    raises "CR0.WP protects a read-only page from level 0", PF, 3, {mov [abs OWN_PAGES], al}
    without_bit 0, 16
    mov cr0, rax
    mov al, [abs OWN_PAGES]
    survives "without CR0.WP level 0 writes a read-only page", {mov [abs OWN_PAGES], al}
    mov cr0, r15
    mov qword [own_pages], 0
    invlpg [abs OWN_PAGES]
    ret

check_cr4_effects:
    with_bit 4, 2
    mov cr4, rax
    check_privileged "RDTSC with CR4.TSD", rdtsc
    survives "RDTSC at level 0 with CR4.TSD", rdtsc
    mov cr4, r14
    try
    enter_user CODE64
    rdtsc
    expect_here
    ud2
    caught
    check_exception "RDTSC at privilege level 3 without CR4.TSD", UD, none
    xor ecx, ecx
    check_privileged "RDPMC without CR4.PCE", rdpmc
    mov ecx, 0x3fff
    raises "RDPMC of a counter that does not exist", GP, 0, rdpmc
    without_bit 4, 9
    mov cr4, rax
    raises "SSE without CR4.OSFXSR", UD, none, {movaps xmm0, xmm0}
    mov cr4, r14
    xor ecx, ecx
    raises "XGETBV without CR4.OSXSAVE", UD, none, xgetbv
    raises "RDFSBASE without CR4.FSGSBASE", UD, none, rdfsbase rax
    mov eax, 7
    xor ecx, ecx
    cpuid
    mov r12d, ebx
    mov r13d, ecx
    bt r12d, 0
    jnc .no_fsgsbase
    with_bit 4, 16
    mov cr4, rax
    mov rax, 0xffff800012345678
    wrgsbase rax
    rdgsbase rsi
    check "WRGSBASE and RDGSBASE with CR4.FSGSBASE", rsi, rax
    btr rax, 63
    raises "WRGSBASE refuses what is not canonical", GP, 0, wrgsbase rax
    xor eax, eax
    wrgsbase rax
    mov cr4, r14
    jmp .umip
.no_fsgsbase:
    skip "WRGSBASE and RDGSBASE with CR4.FSGSBASE", "no FSGSBASE"
.umip:
    bt r13d, 2
    jnc .no_umip
    with_bit 4, 11
    mov cr4, rax
    check_privileged "SGDT with CR4.UMIP", {sgdt [user_stack]}
    check_privileged "SIDT with CR4.UMIP", {sidt [user_stack]}
    check_privileged "SLDT with CR4.UMIP", {sldt ax}
    check_privileged "STR with CR4.UMIP", {str ax}
    check_privileged "SMSW with CR4.UMIP", {smsw ax}
    mov cr4, r14
    ret
.no_umip:
    skip "SGDT with CR4.UMIP", "no UMIP"
    ret

; Checks that instruction %4, named %1, raises no exception if bit %3 of register %2 is set, else #UD.
%macro check_optional 4
    bt %2, %3
    jc %%there
    raises {%1, " where CPUID does not have it"}, UD, none, {%4}
    jmp %%end
%%there:
    survives {%1, " where CPUID has it"}, {%4}
%%end:
%endmacro

; SDM 2A, INVPCID, MONITOR; SDM 2B, PAUSE, RDPID
check_optional_instructions:
    survives "PAUSE", pause
    mov eax, 1
    cpuid
    mov r12d, ecx
    mov eax, 7
    xor ecx, ecx
    cpuid
    mov r13d, ebx
    mov r14d, ecx
    lea rax, [.descriptor]
    xor ecx, ecx
    xor edx, edx
    check_optional "MONITOR", r12d, 3, monitor
    check_optional "RDRAND", r12d, 30, rdrand eax
    mov eax, 2
    check_optional "INVPCID", r13d, 10, {invpcid rax, [.descriptor]}
    check_optional "RDSEED", r13d, 18, rdseed eax
    check_optional "CLAC", r13d, 20, clac
    check_optional "RDPID", r14d, 22, {db 0xf3, 0x0f, 0xc7, 0xf8}
    mov eax, 4
    bt r13d, 10
    jnc .end
    raises "INVPCID of a type that does not exist", GP, 0, {invpcid rax, [.descriptor]}
.end:
    ret
section .data
    align 16
check_optional_instructions.descriptor: dq 0, 0
