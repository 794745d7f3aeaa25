// Read-only memory with a registered read, filled from a file of hexadecimal words, one a line: in
// block RAM (BLOCK = 1) or in LUTs.
module hass_rom #(
    parameter int DEPTH = 512,
    parameter int WIDTH = 36,
    parameter int BLOCK = 1,
    parameter FILE = "",
    parameter int ADDRESS_BITS = DEPTH > 1 ? $clog2(DEPTH) : 1
) (
    input  logic                    clk,
    input  logic                    read,
    input  logic [ADDRESS_BITS-1:0] address,
    output logic [WIDTH-1:0]        word
);
    // verilator lint_off UNDRIVEN
    generate
        if (BLOCK != 0) begin : in_blocks
            (* ram_style = "block", rom_style = "block" *) logic [WIDTH-1:0] words [0:DEPTH-1];
            // without a name there is nothing to read yet: a tool that looks at the module alone
            if (FILE != "") begin : filled
                initial $readmemh(FILE, words);
            end
            always_ff @(posedge clk) if (read) word <= words[address];
        end else begin : in_luts
            (* ram_style = "logic", rom_style = "distributed" *)
            logic [WIDTH-1:0] words [0:DEPTH-1];
            if (FILE != "") begin : filled
                initial $readmemh(FILE, words);
            end
            always_ff @(posedge clk) if (read) word <= words[address];
        end
    endgenerate
    // verilator lint_on UNDRIVEN
endmodule
