// Simple dual-port memory with a registered read: one write and one read a cycle; a read of the
// address that is being written returns the old word.
//
// The cost model's rule decides where it lies: in LUTs up to 64 words or 4096 bits, else in block
// RAM. ULTRA = 1 asks for UltraRAM instead. What is deeper than one of those is cut into banks
// here, so that every tool finds as many; the words that they read meet in a multiplexer.
module hass_memory #(
    parameter int DEPTH = 512,
    parameter int WIDTH = 36,
    parameter int ULTRA = 0,
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
    localparam bit SMALL = DEPTH <= 64 || DEPTH * WIDTH <= 4096;
    generate
        if (ULTRA != 0) begin : ultra
            hass_ultra_memory #(.DEPTH(DEPTH), .WIDTH(WIDTH)) memory (
                .clk, .write, .write_address, .in, .read, .read_address, .out);
        end else if (SMALL) begin : distributed
            (* ram_style = "distributed" *) logic [WIDTH-1:0] words [0:DEPTH-1];
            always_ff @(posedge clk) begin
                if (write) words[write_address] <= in;
                if (read) out <= words[read_address];
            end
        end else begin : block
            hass_block_memory #(.DEPTH(DEPTH), .WIDTH(WIDTH)) memory (
                .clk, .write, .write_address, .in, .read, .read_address, .out);
        end
    endgenerate
endmodule
