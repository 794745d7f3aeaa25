// A word delayed by CYCLES enabled cycles (0: a wire). No reset, so that long ones become SRLs.
module hass_delay #(
    parameter int CYCLES = 1,
    parameter int WIDTH = 16
) (
    // verilator lint_off UNUSEDSIGNAL
    input  logic             clk,     // a wire needs neither
    input  logic             enable,
    // verilator lint_on UNUSEDSIGNAL
    input  logic [WIDTH-1:0] in,
    output logic [WIDTH-1:0] out
);
    generate
        if (CYCLES == 0) begin : wired
            assign out = in;
        end else begin : delayed
            logic [CYCLES*WIDTH-1:0] stages;
            if (CYCLES == 1) begin : one
                always_ff @(posedge clk) if (enable) stages <= in;
            end else begin : several
                always_ff @(posedge clk)
                    if (enable) stages <= {stages[(CYCLES-1)*WIDTH-1:0], in};
            end
            assign out = stages[CYCLES*WIDTH-1-:WIDTH];
        end
    endgenerate
endmodule
