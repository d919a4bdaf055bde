// A Neo4j Community server in one process: java -cp 'LIB/*' TestServer.java HOME PORT PASSWORD
//
// Prints "ready bolt://..." when it answers, then runs until it is stopped or killed. A new
// HOME gets PASSWORD; an old one keeps the password it was made with.

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import org.neo4j.configuration.GraphDatabaseSettings;
import org.neo4j.configuration.connectors.BoltConnector;
import org.neo4j.configuration.connectors.HttpConnector;
import org.neo4j.configuration.helpers.SocketAddress;
import org.neo4j.dbms.api.DatabaseManagementService;
import org.neo4j.dbms.api.DatabaseManagementServiceBuilder;
import org.neo4j.io.ByteUnit;

class TestServer {
    public static void main(String[] arguments) throws Exception {
        Path home = Path.of(arguments[0]);
        int port = Integer.parseInt(arguments[1]);
        Path mark = home.resolve("password-is-set"); // not the data: an import may come before
        boolean fresh = !Files.exists(mark);
        SocketAddress address = new SocketAddress("127.0.0.1", port);
        DatabaseManagementService service = new DatabaseManagementServiceBuilder(home)
                .setConfig(BoltConnector.enabled, true)
                .setConfig(BoltConnector.listen_address, address)
                .setConfig(BoltConnector.advertised_address, address)
                .setConfig(HttpConnector.enabled, false)
                .setConfig(GraphDatabaseSettings.auth_enabled, true)
                .setConfig(GraphDatabaseSettings.pagecache_memory, ByteUnit.mebiBytes(128))
                .build();
        Runtime.getRuntime().addShutdownHook(new Thread(service::shutdown));
        if (fresh) {
            var system = service.database(GraphDatabaseSettings.SYSTEM_DATABASE_NAME);
            system.executeTransactionally(
                    "ALTER USER neo4j SET PASSWORD $password CHANGE NOT REQUIRED",
                    Map.of("password", arguments[2]));
            Files.createFile(mark);
        }
        if (!service.database(GraphDatabaseSettings.DEFAULT_DATABASE_NAME).isAvailable(60_000)) {
            System.err.println("the database did not become available within a minute");
            System.exit(1);
        }
        System.out.println("ready bolt://" + address);
        System.out.flush();
    }
}
