// Memory of UltraRAMs, 4096 x 72 bits each. Words of up to 36 bits lie side by side in one, 2, 4 or
// 8 of them, each in whole bytes of 9 bits, which have write enables of their own; wider ones fill
// UltraRAMs side by side. The words that are read at once meet in a multiplexer.
module hass_ultra_memory #(
    parameter int DEPTH = 4096,
    parameter int WIDTH = 72,
    parameter int ADDRESS_BITS = DEPTH > 1 ? $clog2(DEPTH) : 1
) (
    input  logic                    clk,
    input  logic                    write,
    input  logic [ADDRESS_BITS-1:0] write_address,
    input  logic [WIDTH-1:0]        in,
    input  logic                    read,
    input  logic [ADDRESS_BITS-1:0] read_address,
    output logic [WIDTH-1:0]        out
);
    localparam int ROWS = 4096;
    localparam int ROW_BITS = DEPTH > ROWS ? $clog2(ROWS) : ADDRESS_BITS;
    localparam int BYTES = (WIDTH + 8) / 9;
    localparam int FIT = BYTES == 1 ? 8 : BYTES == 2 ? 4 : BYTES <= 4 ? 2 : 1;
    localparam int BANKS = (DEPTH + ROWS - 1) / ROWS;  // words that are read at once
    localparam int SIDE = FIT < BANKS ? FIT : BANKS;
    localparam int BANK_BITS = BANKS > 1 ? $clog2(BANKS) : 1;

    logic [BANKS*WIDTH-1:0] found;
    logic [BANK_BITS-1:0] write_bank, found_bank;
    genvar group, s;
    generate
        if (BANKS > 1) begin : several
            assign write_bank = write_address[ADDRESS_BITS-1:ROW_BITS];
            always_ff @(posedge clk)
                if (read) found_bank <= read_address[ADDRESS_BITS-1:ROW_BITS];
        end else begin : one
            assign write_bank = '0;
            assign found_bank = '0;
        end
        for (group = 0; group * SIDE < BANKS; group = group + 1) begin : ram
            localparam int HERE = (group + 1) * SIDE <= BANKS ? SIDE : BANKS - group * SIDE;
            localparam int WORDS = DEPTH < ROWS ? DEPTH : ROWS;
            (* ram_style = "ultra" *) logic [HERE*BYTES*9-1:0] rows [0:WORDS-1];
            // verilator lint_off UNUSEDSIGNAL
            logic [HERE*BYTES*9-1:0] row;  // words are less than whole bytes
            // verilator lint_on UNUSEDSIGNAL
            always_ff @(posedge clk) if (read) row <= rows[read_address[ROW_BITS-1:0]];
            for (s = 0; s < HERE; s = s + 1) begin : word
                always_ff @(posedge clk)
                    if (write & write_bank == group * SIDE + s)
                        rows[write_address[ROW_BITS-1:0]][s*BYTES*9+:BYTES*9] <= (BYTES*9)'(in);
                assign found[(group*SIDE+s)*WIDTH+:WIDTH] = row[s*BYTES*9+:WIDTH];
            end
        end
    endgenerate
    hass_select #(.WORDS(BANKS), .WIDTH(WIDTH)) select (
        .words(found), .index(found_bank), .word(out));
endmodule
