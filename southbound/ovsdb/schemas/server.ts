/**
 * The _Server database, version 1.2.0 (ovsdb-server(5)): one row per database that a server serves,
 * itself among them. Clients look here for the leader of a cluster, and for schemas that change.
 */
import {
  boolean,
  choice,
  database,
  integer,
  one,
  optional,
  string,
  table,
  uuid,
} from '../schema.ts'

export const serverSchema = database(
  '_Server',
  '1.2.0',
  {
    Database: table({
      name: one(string()),
      model: one(choice('standalone', 'clustered', 'relay')),
      connected: one(boolean()),
      leader: one(boolean()),
      /** JSON text; absent while the schema is not known. */
      schema: optional(string()),
      /** Of clusters only: of the server, of the cluster, and how far the log has been applied. */
      sid: optional(uuid()),
      cid: optional(uuid()),
      index: optional(integer()),
    }),
  },
  '3009684573 744',
)
