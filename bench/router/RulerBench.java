// SPDX-License-Identifier: Apache-2.0
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import software.amazon.event.ruler.Machine;

/** match_bench for event-ruler: the same arguments, the same lines. */
public final class RulerBench {
    private static long matchAll(Machine machine, List<String> events) throws Exception {
        long total = 0;
        for (String event : events) {
            total += machine.rulesForJSONEvent(event).size();
        }
        return total;
    }

    public static void main(String[] args) throws Exception {
        List<String> events = Files.readAllLines(Path.of(args[0]));
        Map<String, List<String>> banks = new LinkedHashMap<>();
        for (String line : Files.readAllLines(Path.of(args[1]))) {
            int tab = line.indexOf('\t');
            banks.computeIfAbsent(line.substring(0, tab), k -> new ArrayList<>())
                    .add(line.substring(tab + 1));
        }
        int passes = args.length > 2 ? Integer.parseInt(args[2]) : 3;
        for (Map.Entry<String, List<String>> bank : banks.entrySet()) {
            Machine machine = new Machine();
            int number = 0;
            for (String rule : bank.getValue()) {
                machine.addRule("r" + number++, rule);
            }
            long total = matchAll(machine, events);
            double[] rates = new double[passes];
            for (int i = 0; i < passes; i++) {
                long start = System.nanoTime();
                matchAll(machine, events);
                rates[i] = events.size() * 1e9 / (System.nanoTime() - start);
            }
            Arrays.sort(rates);
            System.out.printf("%s\t%.0f\t%d%n", bank.getKey(), rates[passes / 2], total);
        }
    }
}
