; Debug exceptions: single step over plain and over exiting instructions, breakpoints, general detect, RF, shadows.

%include "lib/guest.inc"

DR6_ONES equ 0xffff0ff0                 ; bits of DR6 that read as 1 (SDM 3B 18.2.3)
DR6_B0 equ 1 << 0
DR6_BD equ 1 << 13
DR6_BS equ 1 << 14
DR7_ONES equ 1 << 10
DR7_GD equ 1 << 13

; Local enable, condition and length of breakpoint 0 (SDM 3B 18.2.4).
DR7_EXECUTE0 equ 1 << 0
DR7_WRITE0_4 equ 1 << 0 | 1 << 16 | 3 << 18
DR7_IO0_1 equ 1 << 0 | 2 << 16
DR7_ACCESS0_4 equ 1 << 0 | 3 << 16 | 3 << 18

main:
    mov eax, DR6_ONES
    mov dr6, rax
    call check_registers
    call check_single_step
    call check_breakpoints
    call check_data_breakpoints
    call check_io_breakpoints
    call check_shadow
    call check_general_detect
    jmp check_others

; SDM 3B 18.2
check_registers:
    mov rax, 0x123456789abcdef0
    mov dr0, rax
    mov dr1, rax
    mov dr2, rax
    mov dr3, rax
    mov rbx, dr0
    mov rcx, dr1
    mov rsi, dr2
    mov rdi, dr3
    check "DR0 holds 64 bits", rbx, rax
    check "DR1 holds 64 bits", rcx, rax
    check "DR2 holds 64 bits", rsi, rax
    check "DR3 holds 64 bits", rdi, rax
    xor eax, eax
    mov dr0, rax
    mov dr1, rax
    mov dr2, rax
    mov dr3, rax
    mov dr6, rax
    mov rbx, dr6
    mov esi, DR6_ONES
    check "reserved bits of DR6 are 1", rbx, rsi
    mov dr7, rax
    mov rbx, dr7
    check "bit 10 of DR7 is 1", rbx, DR7_ONES
    bts rax, 32
    raises "DR6 bit 32 is reserved", GP, 0, {mov dr6, rax}
    raises "DR7 bit 32 is reserved", GP, 0, {mov dr7, rax}
    mov rbx, dr4
    mov rsi, dr6
    check "without CR4.DE DR4 is DR6", rbx, rsi
    mov rsi, cr4
    mov rax, rsi
    or eax, CR4_DE
    mov cr4, rax
    raises "with CR4.DE there is no DR4", UD, none, {mov rbx, dr4}
    raises "with CR4.DE there is no DR5", UD, none, {mov dr5, rbx}
    mov cr4, rsi
    ret

; Sets TF: there is a trap behind the next instruction.
%macro set_tf 0
    pushfq
    or dword [rsp], RFLAGS_TF
    popfq
%endmacro

; Checks that a single step over instruction %2, named %1, ends behind it, with BS in DR6.
%macro check_step 2
    mov eax, DR6_ONES
    mov dr6, rax
    mov ecx, 0x277
    xor edx, edx
    try
    mov dword [recovery.expected_rip], %%behind
    set_tf
    %2
%%behind:
    nop
    ud2
    caught
    check_exception {"a single step over ", %1}, DB, none
    mov esi, DR6_ONES | DR6_BS
    mov rdi, [exception.dr6]
    check {"DR6 behind a single step over ", %1}, rdi, rsi
%endmacro

; SDM 3B 18.3.1.4; a hypervisor that emulates an instruction must make the trap itself.
check_single_step:
    check_step "NOP", nop
    check_step "MOV", {mov ebx, eax}
    check_step "CPUID", cpuid
    check_step "RDMSR", rdmsr
    check_step "IN", {in al, 0x80}
    check_step "OUT", {out 0x80, al}
    check_step "MOV from CR0", {mov rax, cr0}
    check_step "MOV from CR4", {mov rax, cr4}
    mov rbx, cr0
    check_step "MOV to CR0", {mov cr0, rbx}
    mov rbx, cr4
    check_step "MOV to CR4", {mov cr4, rbx}
    mov rbx, cr3
    check_step "MOV to CR3", {mov cr3, rbx}
    check_step "RDTSC", rdtsc
    check_step "INVLPG", {invlpg [abs OWN_PAGES]}
    check_step "WBINVD", wbinvd
    check_step "SIDT", {sidt [scratch]}
    check_step "PUSHFQ", pushfq
    ; A branch is stepped over to its target.
    try
    mov dword [recovery.expected_rip], .target
    set_tf
    jmp .target
    ud2
.target:
    nop
    caught
    check_exception "a single step over JMP", DB, none
    ; The flags of the frame have TF, the handler runs without it (SDM 3A 6.8.3).
    mov rsi, [exception.rflags]
    and esi, RFLAGS_TF
    check "the frame of a single step holds TF", rsi, RFLAGS_TF
    check "there was one trap", qword [exception.count], 1
    ; An exception of the instruction itself comes instead of the trap.
    try
    mov dword [recovery.expected_rip], .fault
    set_tf
.fault:
    ud2
    caught
    check_exception "a fault under TF", UD, none
    ; INT n clears TF on the way, the trap comes neither in the handler nor before it.
    try
    set_tf
    int3
    caught
    check_exception "INT3 under TF", BP, none
    check "the frame of INT3 under TF is the only one", qword [exception.count], 1
    ; REP is stepped over an iteration at a time.
    mov ecx, 3
    lea rdi, [scratch]
    try
    mov dword [recovery.expected_rip], .string
    set_tf
.string:
    rep stosb
    nop
    caught
    check_exception "a single step over an iteration of REP STOSB", DB, none
    check "REP STOSB has made one iteration", rcx, 2
    mov ecx, 3
    mov edx, 0x80
    lea rsi, [scratch]
    try
    mov dword [recovery.expected_rip], .string_out
    set_tf
.string_out:
    rep outsb
    nop
    caught
    check_exception "a single step over an iteration of REP OUTSB", DB, none
    check "REP OUTSB has made one iteration", rcx, 2
    ret
section .bss
    alignb 8
scratch:    resb 64
section .text

; Sets breakpoint 0 at label %1 with DR7 %2.
%macro break_at 2
    mov eax, %1
    mov dr0, rax
    mov eax, DR6_ONES
    mov dr6, rax
    mov eax, %2
    mov dr7, rax
%endmacro

%macro no_breakpoints 0
    xor eax, eax
    mov dr7, rax
%endmacro

; SDM 3B 18.3.1.1; SDM 3A 6.15, #DB
check_breakpoints:
    break_at .place, DR7_EXECUTE0
    xor ebx, ebx
    try
    mov dword [recovery.expected_rip], .place
    nop
.place:
    inc ebx
    caught
    no_breakpoints
    check_exception "a breakpoint on execution faults before the instruction", DB, none
    check "the instruction at a breakpoint has not run", rbx, 0
    mov esi, DR6_ONES | DR6_B0
    mov rdi, [exception.dr6]
    check "DR6 tells breakpoint 0", rdi, rsi
    mov rsi, [exception.rflags]
    and esi, RFLAGS_RF
    check "RF is clear in the frame of a breakpoint on execution", rsi, 0
    ; With RF set by IRET the instruction runs (SDM 3B 18.3.1.1).
    break_at .resumed, DR7_EXECUTE0
    xor ebx, ebx
    mov rsi, rsp
    try
    push SELECTOR_DATA
    push rsi
    pushfq
    or dword [rsp], RFLAGS_RF
    push SELECTOR_CODE64
    push .resumed
    iretq
.resumed:
    inc ebx
    caught
    no_breakpoints
    check_no_exception "with RF a breakpoint on execution does not count"
    check "the instruction at a breakpoint runs with RF", rbx, 1
    ; On an instruction that exits.
    break_at .cpuid, DR7_EXECUTE0
    try
    mov dword [recovery.expected_rip], .cpuid
.cpuid:
    cpuid
    caught
    no_breakpoints
    check_exception "a breakpoint on CPUID", DB, none
    break_at .disabled, 0
    try
.disabled:
    nop
    caught
    no_breakpoints
    check_no_exception "a breakpoint that is not enabled"
    ret

; SDM 3B 18.3.1.2
check_data_breakpoints:
    break_at scratch, DR7_WRITE0_4
    try
    mov dword [recovery.expected_rip], .behind
    mov [scratch], eax
.behind:
    nop
    caught
    no_breakpoints
    check_exception "a breakpoint on a write traps behind it", DB, none
    mov esi, DR6_ONES | DR6_B0
    mov rdi, [exception.dr6]
    check "DR6 tells a breakpoint on a write", rdi, rsi
    break_at scratch, DR7_WRITE0_4
    try
    mov eax, [scratch]
    caught
    no_breakpoints
    check_no_exception "a breakpoint on writes lets reads pass"
    break_at scratch, DR7_ACCESS0_4
    try
    mov dword [recovery.expected_rip], .behind_read
    mov al, [scratch + 3]
.behind_read:
    nop
    caught
    no_breakpoints
    check_exception "a breakpoint on access traps behind a read of a part", DB, none
    break_at scratch, DR7_ACCESS0_4
    try
    mov al, [scratch + 4]
    caught
    no_breakpoints
    check_no_exception "a breakpoint covers no byte behind it"
    ret

; SDM 3B 18.3.1.2: with CR4.DE
check_io_breakpoints:
    mov r12, cr4
    mov rax, r12
    or eax, CR4_DE
    mov cr4, rax
    break_at 0x80, DR7_IO0_1
    try
    mov dword [recovery.expected_rip], .behind
    out 0x80, al
.behind:
    nop
    caught
    no_breakpoints
    check_exception "a breakpoint on a port traps behind OUT", DB, none
    break_at 0x80, DR7_IO0_1
    try
    mov dword [recovery.expected_rip], .behind_in
    in al, 0x80
.behind_in:
    nop
    caught
    no_breakpoints
    check_exception "a breakpoint on a port traps behind IN", DB, none
    break_at 0x80, DR7_IO0_1
    try
    in al, 0x84
    caught
    no_breakpoints
    check_no_exception "a breakpoint on a port lets another pass"
    mov cr4, r12
    ret

; SDM 3A 6.8.3: behind a load of SS debug exceptions wait for the end of the next instruction.
check_shadow:
    mov ecx, SELECTOR_DATA
    try
    mov dword [recovery.expected_rip], .behind_ss
    pushfq
    or dword [rsp], RFLAGS_TF
    popfq
    mov ss, ecx
    nop
.behind_ss:
    nop
    caught
    check_exception "a single step over MOV to SS ends behind the next instruction", DB, none
    mov dword [scratch], SELECTOR_DATA
    break_at scratch, DR7_ACCESS0_4
    try
    mov dword [recovery.expected_rip], .behind_next
    mov ss, [scratch]
    nop
.behind_next:
    nop
    caught
    no_breakpoints
    check_exception "a breakpoint on the operand of MOV to SS traps behind the next instruction", DB, none
    try
    mov dword [recovery.expected_rip], .behind_cpuid
    set_tf
    mov ss, ecx
    cpuid
.behind_cpuid:
    nop
    caught
    check_exception "a single step over MOV to SS and CPUID", DB, none
    ret

; SDM 3B 18.2.4
check_general_detect:
    mov eax, DR6_ONES
    mov dr6, rax
    mov eax, DR7_GD
    mov dr7, rax
    try
    expect_here
    mov rax, dr0
    caught
    mov rdi, dr7
    mov rsi, [exception.dr6]
    no_breakpoints
    check_exception "with GD an access to a debug register faults", DB, none
    mov ebx, DR6_ONES | DR6_BD
    ; The handler itself reads DR6, so GD must be clear in it.
    check "DR6 tells general detect", rsi, rbx
    check "GD is clear in the handler", rdi, DR7_ONES
    ret

check_others:
    mov eax, DR6_ONES
    mov dr6, rax
    traps "INT1", DB, {db 0xf1}
    mov rdi, [exception.dr6]
    mov esi, DR6_ONES
    check "INT1 changes no bit of DR6", rdi, rsi
    ; In protected mode (SDM 3B 18.3.1.4), where a task and 32-bit frames are.
    mov edi, .routine
    mov esi, PAGING_NONE
    call run_protected
    check_kept "a single step over CPUID in protected mode", 0, DB, none
    check_kept "a single step over POP SS in protected mode", 1, DB, none
    check "it ended behind the instruction behind POP SS", qword [exception.rip], .behind_pop
    mov eax, DR6_ONES
    mov dr6, rax
    ret
bits 32
.routine:
    try
    pushfd
    or dword [esp], RFLAGS_TF
    popfd
    cpuid
    nop
    ud2
    caught
    keep_exception 0
    ; POP SS holds the trap back as MOV to SS does (SDM 3A 6.8.3).
    try
    push ss
    pushfd
    or dword [esp], RFLAGS_TF
    popfd
    pop ss
    nop
.behind_pop:
    nop
    ud2
    caught
    keep_exception 1
    ret
bits 64
