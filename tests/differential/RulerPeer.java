// SPDX-License-Identifier: Apache-2.0
import java.io.BufferedReader;
import java.io.BufferedWriter;
import java.io.InputStreamReader;
import java.io.OutputStreamWriter;
import java.nio.charset.StandardCharsets;
import software.amazon.event.ruler.JsonRuleCompiler;
import software.amazon.event.ruler.Machine;

/**
 * event-ruler on the other end of tests/tools/match_diff: reads "PATTERNS EVENTS", then that
 * many patterns and events, a line each, and answers a line for each pattern: "E" and why it
 * is refused (line feeds as tabs), or a digit for each event.
 */
public final class RulerPeer {
    private static String answer(String pattern, String[] events) {
        String refused = JsonRuleCompiler.check(pattern);
        if (refused != null) {
            return "E" + refused.replace('\n', '\t');
        }
        StringBuilder results = new StringBuilder(events.length);
        try {
            Machine machine = new Machine();
            machine.addRule("rule", pattern);
            for (String event : events) {
                results.append(machine.rulesForJSONEvent(event).isEmpty() ? '0' : '1');
            }
        } catch (Exception | AssertionError e) {
            return "X" + e;
        }
        return results.toString();
    }

    public static void main(String[] args) throws Exception {
        BufferedReader in =
                new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        BufferedWriter out =
                new BufferedWriter(new OutputStreamWriter(System.out, StandardCharsets.UTF_8));
        for (String line = in.readLine(); line != null; line = in.readLine()) {
            String[] counts = line.split(" ");
            String[] patterns = new String[Integer.parseInt(counts[0])];
            String[] events = new String[Integer.parseInt(counts[1])];
            for (int i = 0; i < patterns.length; i++) {
                patterns[i] = in.readLine();
            }
            for (int i = 0; i < events.length; i++) {
                events[i] = in.readLine();
            }
            for (String pattern : patterns) {
                out.write(answer(pattern, events));
                out.newLine();
            }
            out.flush();
        }
    }
}
