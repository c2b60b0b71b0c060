; Model-specific registers: what they hold, what they refuse, and what the CPU does by them.

%include "lib/guest.inc"
%include "lib/msr.inc"

NOT_CANONICAL equ 0x8000000000000000
CANONICAL equ 0xffff812345678000

main:
    call check_access
    call check_efer
    call check_pat
    call check_system_call_registers
    call check_syscall
    call check_sysenter
    call check_segment_bases
    call check_tsc
    call check_apic_base
    call check_mtrrs
    call check_others
    jmp check_vmx

; SDM 2B, RDMSR and WRMSR
check_access:
    try
    enter_user CODE64
    mov ecx, IA32_EFER
    expect_here
    rdmsr
    caught
    check_exception "RDMSR at privilege level 3", GP, 0
    try
    enter_user CODE64
    mov ecx, IA32_EFER
    expect_here
    wrmsr
    caught
    check_exception "WRMSR at privilege level 3", GP, 0
    read_msr IA32_PAT
    mov r12, rax
    mov rcx, 0xffffffff00000000 | IA32_PAT
    mov rax, -1
    mov rdx, -1
    rdmsr
    mov rsi, rax
    or rsi, rdx
    shr rsi, 32
    check "RDMSR clears the upper halves of RAX and RDX", rsi, 0
    shl rdx, 32
    or rax, rdx
    check "RDMSR ignores the upper half of RCX", rax, r12
    mov edi, .in_real_mode
    call run_real
    mov ecx, IA32_PAT
    mov r12d, r12d
    check "RDMSR works in real mode", rax, r12
    mov ecx, 0x12345678
    raises "RDMSR of an MSR that does not exist", GP, 0, rdmsr
    mov ecx, 0x12345678
    raises "WRMSR of an MSR that does not exist", GP, 0, wrmsr
    mov ecx, 0xc0001fff
    raises "RDMSR of an MSR of C0000000H and up that does not exist", GP, 0, rdmsr
    mov ecx, 0x40000fff
    raises "RDMSR of an MSR of the hypervisors' range that does not exist", GP, 0, rdmsr
    ret

section .real
bits 16
check_access.in_real_mode:
    mov ecx, IA32_PAT
    rdmsr
    ret
section .text
bits 64

; SDM 3A 2.2.1, 9.8.5
check_efer:
    read_msr IA32_EFER
    mov r13, rax
    mov esi, eax
    and esi, EFER_LMA | EFER_LME
    check "LMA and LME are set in long mode", rsi, EFER_LMA | EFER_LME
    mov rax, r13
    and eax, ~EFER_LME
    ready_msr_from_rax IA32_EFER
    raises "LME cannot be cleared while paging is on", GP, 0, wrmsr
    mov rax, r13
    or eax, 1 << 1
    ready_msr_from_rax IA32_EFER
    raises "EFER bit 1 is reserved", GP, 0, wrmsr
    mov rax, r13
    or eax, 1 << 9
    ready_msr_from_rax IA32_EFER
    raises "EFER bit 9 is reserved", GP, 0, wrmsr
    mov rax, r13
    bts rax, 63
    ready_msr_from_rax IA32_EFER
    raises "EFER bit 63 is reserved", GP, 0, wrmsr
    read_msr IA32_EFER
    check "a refused write leaves EFER as it was", rax, r13

    mov rax, r13
    or eax, EFER_SCE
    write_msr_from_rax IA32_EFER
    read_msr IA32_EFER
    and eax, EFER_SCE | EFER_LMA | EFER_LME
    check "SCE can be set", rax, EFER_SCE | EFER_LMA | EFER_LME
    mov rax, r13
    write_msr_from_rax IA32_EFER

    ; Without NXE bit 63 of a page-table entry is reserved (SDM 3A 4.5.4).
    mov rax, r13
    and eax, ~EFER_NXE
    write_msr_from_rax IA32_EFER
    mov rax, NOT_CANONICAL | PAGE_PRESENT | PAGE_WRITABLE
    mov [own_pages], rax
    raises "bit 63 of a page-table entry is reserved without NXE", PF, 9, {mov al, [abs OWN_PAGES]}
    mov rax, r13
    or eax, EFER_NXE
    write_msr_from_rax IA32_EFER
    invlpg [abs OWN_PAGES]
    survives "bit 63 of a page-table entry is execute-disable with NXE", {mov al, [abs OWN_PAGES]}
    mov qword [own_pages], 0
    invlpg [abs OWN_PAGES]
    mov rax, r13
    write_msr_from_rax IA32_EFER

    mov edi, .in_protected_mode
    mov esi, PAGING_NONE
    call run_protected
    check "LME without paging leaves LMA clear", rax, EFER_LME
    ret
bits 32
.in_protected_mode:
    mov ecx, IA32_EFER
    rdmsr
    or eax, EFER_LME
    wrmsr
    rdmsr
    mov ebx, eax
    and eax, ~EFER_LME
    wrmsr
    mov eax, ebx
    and eax, EFER_LMA | EFER_LME
    ret
bits 64

; SDM 3A 12.12.2, table 12-10
check_pat:
    msr_holds "PAT holds each type that there is", IA32_PAT, 0x0706050401000706
    msr_refuses "PAT refuses type 2 in entry 0", IA32_PAT, 0x0007040600070402
    msr_refuses "PAT refuses type 3 in entry 7", IA32_PAT, 0x0307040600070406
    msr_refuses "PAT refuses type 8 in entry 4", IA32_PAT, 0x0007040800070406
    msr_refuses "PAT refuses reserved bits of entry 2", IA32_PAT, 0x0007040600870406
    ret

check_system_call_registers:
    msr_holds "SYSENTER_CS holds 16 bits", IA32_SYSENTER_CS, 0xfedc
    msr_holds "SYSENTER_ESP holds a canonical address", IA32_SYSENTER_ESP, CANONICAL
    msr_holds "SYSENTER_EIP holds a canonical address", IA32_SYSENTER_EIP, CANONICAL
    msr_holds "STAR holds selectors", IA32_STAR, 0x0028000800000000
    msr_holds "LSTAR holds a canonical address", IA32_LSTAR, CANONICAL
    msr_holds "CSTAR holds a canonical address", IA32_CSTAR, CANONICAL
    msr_holds "FMASK holds 32 bits", IA32_FMASK, 0x00047700
    msr_holds "FS_BASE holds a canonical address", IA32_FS_BASE, CANONICAL
    msr_holds "GS_BASE holds a canonical address", IA32_GS_BASE, CANONICAL
    msr_holds "KERNEL_GS_BASE holds a canonical address", IA32_KERNEL_GS_BASE, CANONICAL
    ; SDM 2B, WRMSR, 64-bit mode exceptions
    msr_refuses "SYSENTER_ESP refuses what is not canonical", IA32_SYSENTER_ESP, NOT_CANONICAL
    msr_refuses "SYSENTER_EIP refuses what is not canonical", IA32_SYSENTER_EIP, NOT_CANONICAL
    msr_refuses "LSTAR refuses what is not canonical", IA32_LSTAR, NOT_CANONICAL
    msr_refuses "FS_BASE refuses what is not canonical", IA32_FS_BASE, NOT_CANONICAL
    msr_refuses "GS_BASE refuses what is not canonical", IA32_GS_BASE, NOT_CANONICAL
    msr_refuses "KERNEL_GS_BASE refuses what is not canonical", IA32_KERNEL_GS_BASE, NOT_CANONICAL
    ret

; SDM 2B, SYSCALL and SYSRET
check_syscall:
    raises "SYSCALL without SCE", UD, none, syscall
    mov ecx, SELECTOR_USER_DATA
    raises "SYSRET without SCE", UD, none, o64 sysret
    read_msr IA32_EFER
    or eax, EFER_SCE
    write_msr_from_rax IA32_EFER
    write_msr IA32_STAR, ((SELECTOR_USER_CODE32 << 16) | SELECTOR_CODE64) << 32
    write_msr_address IA32_LSTAR, .entry
    write_msr IA32_FMASK, RFLAGS_DF | RFLAGS_CF
    mov [.stack], rsp
    xor ebx, ebx
    try
    enter_user CODE64
    std
    stc
    syscall
.behind:
    cld
    mov ebx, cs
    mov esi, ss
    ud2
    caught
    cld
    check "SYSCALL leaves the address behind it in RCX", r12, .behind
    and r13d, RFLAGS_DF | RFLAGS_CF
    check "SYSCALL leaves RFLAGS in R11", r13, RFLAGS_DF | RFLAGS_CF
    and r14d, RFLAGS_DF | RFLAGS_CF
    check "SYSCALL clears the flags of FMASK", r14, 0
    check "SYSCALL loads CS from STAR", r15, SELECTOR_CODE64
    check "SYSCALL loads SS from STAR", rbp, SELECTOR_CODE64 + 8
    check "SYSRET goes to privilege level 3 and CS from STAR", rbx, SELECTOR_USER_CODE64
    check "SYSRET loads SS from STAR", rsi, SELECTOR_USER_DATA
    read_msr IA32_EFER
    and eax, ~EFER_SCE
    write_msr_from_rax IA32_EFER
    ret
.entry:
    mov r12, rcx
    mov r13, r11
    mov rdi, rsp
    mov rsp, [.stack]
    pushfq
    pop r14
    mov rsp, rdi
    mov r15d, cs
    mov ebp, ss
    o64 sysret
section .data
check_syscall.stack: dq 0
section .text

; SDM 2B, SYSENTER and SYSEXIT
check_sysenter:
    write_msr IA32_SYSENTER_CS, 0
    raises "SYSENTER with a null SYSENTER_CS", GP, 0, sysenter
    raises "SYSEXIT with a null SYSENTER_CS", GP, 0, sysexit
    write_msr IA32_SYSENTER_CS, SELECTOR_CODE64
    write_msr_address IA32_SYSENTER_ESP, user_stack_top - 64
    write_msr_address IA32_SYSENTER_EIP, .entry
    try
    enter_user CODE64
    sysenter
    ud2
.entry:
    mov r12, rsp
    mov r13d, cs
    mov r14d, ss
    ud2
    caught
    check "SYSENTER loads RSP", r12, user_stack_top - 64
    check "SYSENTER loads CS", r13, SELECTOR_CODE64
    check "SYSENTER loads SS", r14, SELECTOR_CODE64 + 8

    ; SYSEXIT to 64-bit mode takes the selectors 32 and 40 behind SYSENTER_CS.
    write_msr IA32_SYSENTER_CS, (SELECTOR_USER_CODE64 & ~3) - 32
    mov rax, [spare_descriptors]
    push qword [tss_descriptor]
    mov rax, [gdt + (SELECTOR_USER_DATA & ~3)]
    mov [tss_descriptor], rax
    xor r12d, r12d
    try
    mov ecx, user_stack_top
    mov edx, .exit
    o64 sysexit
.exit:
    mov r12d, cs
    mov r13, rsp
    mov r14d, ss
    ud2
    caught
    pop qword [tss_descriptor]
    check "SYSEXIT goes to privilege level 3 and CS behind SYSENTER_CS", r12, SELECTOR_USER_CODE64
    check "SYSEXIT loads RSP from RCX", r13, user_stack_top
    check "SYSEXIT loads SS behind SYSENTER_CS", r14, SELECTOR_USER_CODE64 + 8
    write_msr IA32_SYSENTER_CS, 0
    ret

; SDM 3A 3.4.4.1
check_segment_bases:
    write_msr_address IA32_FS_BASE, .first
    mov rax, [fs:0]
    check "FS_BASE is the base of FS", rax, 1
    write_msr_address IA32_GS_BASE, .first
    write_msr_address IA32_KERNEL_GS_BASE, .second
    swapgs
    mov rsi, [gs:0]
    read_msr IA32_KERNEL_GS_BASE
    check "SWAPGS takes the base from KERNEL_GS_BASE", rsi, 2
    check "SWAPGS leaves the base in KERNEL_GS_BASE", rax, .first
    mov eax, SELECTOR_DATA
    mov fs, eax
    mov gs, eax
    read_msr IA32_FS_BASE
    check "loading FS sets FS_BASE", rax, 0
    read_msr IA32_GS_BASE
    check "loading GS sets GS_BASE", rax, 0
    ret
section .data
    align 8
check_segment_bases.first:  dq 1
check_segment_bases.second: dq 2
section .text

; SDM 3B 18.17
check_tsc:
    read_msr IA32_TIME_STAMP_COUNTER
    mov r12, rax
    rdtsc
    shl rdx, 32
    or rax, rdx
    cmp rax, r12
    check_flag "RDTSC reads what the MSR holds, or later", ae
    write_msr IA32_TIME_STAMP_COUNTER, 0x123400000000
    rdtsc
    check "a write to the TSC sets its upper half", rdx, 0x1234
    mov eax, 7
    xor ecx, ecx
    cpuid
    bt ebx, 1
    jnc .no_adjust
    read_msr IA32_TSC_ADJUST
    mov r13, rax
    ; What is added to TSC_ADJUST is added to the TSC, and the other way round.
    mov rsi, 0x1000000000000
    add rax, rsi
    write_msr_from_rax IA32_TSC_ADJUST
    rdtsc
    check "what is added to TSC_ADJUST is added to the TSC", rdx, 0x11234
    write_msr IA32_TIME_STAMP_COUNTER, 0x123400000000
    read_msr IA32_TSC_ADJUST
    sub rax, r13
    sar rax, 40
    ; The TSC ran on in between, which a write to it takes back: by less than 2 to the 40th.
    inc rax
    cmp rax, 1
    check_flag "a write to the TSC is subtracted from TSC_ADJUST", be
    jmp .aux
.no_adjust:
    skip "what is added to TSC_ADJUST is added to the TSC", "no TSC_ADJUST"
.aux:
    mov eax, 0x80000001
    cpuid
    bt edx, 27
    jnc .no_aux
    msr_holds "TSC_AUX holds 32 bits", IA32_TSC_AUX, 0x89abcdef
    msr_refuses "TSC_AUX refuses bit 32", IA32_TSC_AUX, 1 << 32
    write_msr IA32_TSC_AUX, 0x89abcdef
    mov rcx, -1
    rdtscp
    mov esi, 0x89abcdef
    check "RDTSCP reads TSC_AUX", rcx, rsi
    ret
.no_aux:
    skip "TSC_AUX holds 32 bits", "no RDTSCP"
    ret

; SDM 3A 11.4.4
check_apic_base:
    mov eax, 1
    cpuid
    mov r14d, ecx
    bt edx, 9
    jnc .none
    read_msr IA32_APIC_BASE
    mov r13, rax
    mov esi, eax
    and esi, 1 << 8
    check "APIC_BASE says that this is the bootstrap processor", rsi, 1 << 8
    or eax, 1
    ready_msr_from_rax IA32_APIC_BASE
    raises "APIC_BASE bit 0 is reserved", GP, 0, wrmsr
    mov rax, r13
    or eax, 1 << 9
    ready_msr_from_rax IA32_APIC_BASE
    raises "APIC_BASE bit 9 is reserved", GP, 0, wrmsr
    mov rax, r13
    bts rax, 63
    ready_msr_from_rax IA32_APIC_BASE
    raises "APIC_BASE bits above MAXPHYADDR are reserved", GP, 0, wrmsr
    ; SDM 3A 11.12.5: EXTD without EN
    mov rax, r13
    and eax, ~(1 << 11)
    or eax, 1 << 10
    ready_msr_from_rax IA32_APIC_BASE
    raises "APIC_BASE refuses x2APIC mode of a disabled APIC", GP, 0, wrmsr
    read_msr IA32_APIC_BASE
    check "a refused write leaves APIC_BASE as it was", rax, r13
    mov rax, r13
    ready_msr_from_rax IA32_APIC_BASE
    survives "APIC_BASE can be written with what it holds", wrmsr
    ret
.none:
    skip "APIC_BASE says that this is the bootstrap processor", "no local APIC"
    ret

; SDM 3A 12.11
check_mtrrs:
    mov eax, 1
    cpuid
    bt edx, 12
    jnc .none
    ready_msr IA32_MTRRCAP, 0
    raises "MTRRCAP cannot be written", GP, 0, wrmsr
    msr_holds "MTRR_DEF_TYPE holds write-back and both enables", IA32_MTRR_DEF_TYPE, 0xc06
    msr_refuses "MTRR_DEF_TYPE refuses type 2", IA32_MTRR_DEF_TYPE, 0xc02
    msr_refuses "MTRR_DEF_TYPE refuses type 7", IA32_MTRR_DEF_TYPE, 0xc07
    msr_refuses "MTRR_DEF_TYPE bit 12 is reserved", IA32_MTRR_DEF_TYPE, 0x1c06
    msr_holds "MTRR_PHYSBASE0 holds a base and a type", IA32_MTRR_PHYSBASE0, 0xf0000006
    msr_refuses "MTRR_PHYSBASE0 refuses type 3", IA32_MTRR_PHYSBASE0, 0xf0000003
    msr_refuses "MTRR_PHYSBASE0 bit 8 is reserved", IA32_MTRR_PHYSBASE0, 0xf0000106
    msr_refuses "MTRR_PHYSBASE0 bit 63 is reserved", IA32_MTRR_PHYSBASE0, NOT_CANONICAL
    msr_holds "MTRR_PHYSMASK0 holds a mask", IA32_MTRR_PHYSMASK0, 0xff0000000
    msr_refuses "MTRR_PHYSMASK0 bit 0 is reserved", IA32_MTRR_PHYSMASK0, 0xff0000001
    msr_refuses "MTRR_PHYSMASK0 bit 63 is reserved", IA32_MTRR_PHYSMASK0, NOT_CANONICAL
    msr_holds "MTRR_FIX64K_00000 holds eight types", IA32_MTRR_FIX64K_00000, 0x0606050401000606
    msr_refuses "MTRR_FIX64K_00000 refuses type 2", IA32_MTRR_FIX64K_00000, 0x0606060606060206
    msr_refuses "MTRR_FIX64K_00000 refuses type 7", IA32_MTRR_FIX64K_00000, 0x0706060606060606
    ret
.none:
    skip "MTRRCAP cannot be written", "no MTRRs"
    ret

IA32_BIOS_SIGN_ID equ 0x8b
IA32_PLATFORM_ID equ 0x17

check_others:
    read_msr IA32_MISC_ENABLE
    ready_msr_from_rax IA32_MISC_ENABLE
    survives "MISC_ENABLE can be written with what it holds", wrmsr
    mov ecx, IA32_PLATFORM_ID
    survives "PLATFORM_ID can be read", rdmsr
    ; SDM 3A 10.11.7.1: the way to read the microcode's revision
    write_msr IA32_BIOS_SIGN_ID, 0
    mov eax, 1
    cpuid
    mov ecx, IA32_BIOS_SIGN_ID
    survives "the revision of the microcode can be read", rdmsr
    ret

; SDM 3C 24.7, appendix A
check_vmx:
    mov eax, 1
    cpuid
    bt ecx, 5
    jc .has_vmx
    mov r12d, IA32_VMX_BASIC
    mov ecx, r12d
    raises "without VMX there is no VMX_BASIC", GP, 0, rdmsr
    mov ecx, IA32_VMX_BASIC + 0x11
    raises "without VMX there is no VMX_VMFUNC", GP, 0, rdmsr
    if_bare .done
    if_tcg_machine .done
    read_msr IA32_FEATURE_CONTROL
    and eax, 7
    check "a hypervisor has locked FEATURE_CONTROL without VMX", rax, 1
    jmp .locked
.has_vmx:
    skip "without VMX there is no VMX_BASIC", "this CPU has VMX"
    read_msr IA32_FEATURE_CONTROL
    test eax, 1
    jz .done
.locked:
    read_msr IA32_FEATURE_CONTROL
    ready_msr_from_rax IA32_FEATURE_CONTROL
    raises "FEATURE_CONTROL cannot be written once locked", GP, 0, wrmsr
.done:
    ret
