import com.google.gerrit.pgm.Daemon;
import com.google.gerrit.pgm.Init;
import com.google.gerrit.pgm.util.AbstractProgram;
import java.util.Arrays;

/** Starts one of Gerrit's programs: the published jars carry no main class of their own. */
public class GerritMain {
  public static void main(String[] arguments) throws Exception {
    AbstractProgram program = arguments[0].equals("init") ? new Init() : new Daemon();
    System.exit(program.main(Arrays.copyOfRange(arguments, 1, arguments.length)));
  }
}
