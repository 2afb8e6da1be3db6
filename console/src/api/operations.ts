// Written by scripts/api-types.ts from the declarations in src/control: do not edit, run `node scripts/pages.ts`.

/** Method and path below /api/v1 of every operation. */
export const places = {
  addCaBundleVersion: ['POST', '/ca-bundles/{id}/versions'],
  addCertificateVersion: ['POST', '/certificates/{id}/versions'],
  applyConfig: ['POST', '/config:apply'],
  beginByProvider: ['POST', '/sessions:beginByProvider'],
  changeCaBundle: ['PATCH', '/ca-bundles/{id}'],
  changeCertificate: ['PATCH', '/certificates/{id}'],
  changeMiddleware: ['PATCH', '/middlewares/{id}'],
  changePassword: ['POST', '/session:changePassword'],
  changePolicy: ['PATCH', '/policies/{id}'],
  changeRoute: ['PATCH', '/routes/{id}'],
  changeService: ['PATCH', '/services/{id}'],
  changeUser: ['PATCH', '/users/{id}'],
  createCaBundle: ['POST', '/ca-bundles'],
  createCertificate: ['POST', '/certificates'],
  createMiddleware: ['POST', '/middlewares'],
  createPolicy: ['POST', '/policies'],
  createRoute: ['POST', '/routes'],
  createService: ['POST', '/services'],
  createToken: ['POST', '/tokens'],
  createUser: ['POST', '/users'],
  deleteCaBundle: ['DELETE', '/ca-bundles/{id}'],
  deleteCertificate: ['DELETE', '/certificates/{id}'],
  deleteMiddleware: ['DELETE', '/middlewares/{id}'],
  deletePolicy: ['DELETE', '/policies/{id}'],
  deleteRoute: ['DELETE', '/routes/{id}'],
  deleteService: ['DELETE', '/services/{id}'],
  deleteToken: ['DELETE', '/tokens/{id}'],
  deleteUser: ['DELETE', '/users/{id}'],
  endByProvider: ['POST', '/sessions:endByProvider'],
  endSessions: ['DELETE', '/users/{id}/sessions'],
  exportStore: ['GET', '/export'],
  getCaBundle: ['GET', '/ca-bundles/{id}'],
  getCertificate: ['GET', '/certificates/{id}'],
  getCertificateChain: ['GET', '/certificates/{id}/chain.pem'],
  getChange: ['GET', '/changes/{revision}'],
  getGateway: ['GET', '/gateways/{name}'],
  getHandshake: ['GET', '/handshakes/{id}'],
  getMiddleware: ['GET', '/middlewares/{id}'],
  getOverview: ['GET', '/overview'],
  getPolicy: ['GET', '/policies/{id}'],
  getRelation: ['GET', '/relations/{id}'],
  getRoute: ['GET', '/routes/{id}'],
  getService: ['GET', '/services/{id}'],
  getSession: ['GET', '/session'],
  getSetup: ['GET', '/setup'],
  getTrustAudit: ['GET', '/trust-audits/{id}'],
  getTrustAuditCsv: ['GET', '/trust-audits/{id}:csv'],
  getUser: ['GET', '/users/{id}'],
  inspectCertificates: ['POST', '/certificates:inspect'],
  listAlertReceivers: ['GET', '/alert-receivers'],
  listAlerts: ['GET', '/alerts'],
  listAudit: ['GET', '/audit'],
  listCaBundleVersions: ['GET', '/ca-bundles/{id}/versions'],
  listCaBundles: ['GET', '/ca-bundles'],
  listCertificateVersions: ['GET', '/certificates/{id}/versions'],
  listCertificates: ['GET', '/certificates'],
  listChanges: ['GET', '/changes'],
  listDrift: ['GET', '/drift'],
  listGateways: ['GET', '/gateways'],
  listHandshakes: ['GET', '/handshakes'],
  listIdentities: ['GET', '/identities'],
  listListeners: ['GET', '/listeners'],
  listMiddlewares: ['GET', '/middlewares'],
  listPolicies: ['GET', '/policies'],
  listRelations: ['GET', '/relations'],
  listRoutes: ['GET', '/routes'],
  listSeenCertificates: ['GET', '/certificates-seen'],
  listServices: ['GET', '/services'],
  listSessions: ['GET', '/sessions'],
  listTokens: ['GET', '/tokens'],
  listTrustAudits: ['GET', '/trust-audits'],
  listUsers: ['GET', '/users'],
  logIn: ['POST', '/sessions'],
  logInByCertificate: ['POST', '/sessions:byCertificate'],
  logInByProvider: ['POST', '/sessions:byProvider'],
  logOut: ['DELETE', '/session'],
  logOutEverywhere: ['POST', '/session:logOut'],
  makeCurrentCaBundleVersion: ['POST', '/ca-bundles/{id}/versions/{version}:makeCurrent'],
  makeCurrentCertificateVersion: ['POST', '/certificates/{id}/versions/{version}:makeCurrent'],
  matchRoutes: ['POST', '/routes:match'],
  planConfig: ['POST', '/config:plan'],
  previewCaBundle: ['POST', '/ca-bundles/{id}:preview'],
  previewTrustAudit: ['GET', '/trust-audits:preview'],
  probeService: ['POST', '/services/{id}:probe'],
  probeUnsavedService: ['POST', '/services:probe'],
  promoteChange: ['POST', '/changes/{revision}:promote'],
  recordTrustAudit: ['POST', '/trust-audits'],
  removeGateway: ['DELETE', '/gateways/{name}'],
  replaceCaBundle: ['PUT', '/ca-bundles/{id}'],
  replaceCertificate: ['PUT', '/certificates/{id}'],
  replaceMiddleware: ['PUT', '/middlewares/{id}'],
  replacePolicy: ['PUT', '/policies/{id}'],
  replaceRoute: ['PUT', '/routes/{id}'],
  replaceService: ['PUT', '/services/{id}'],
  revertChange: ['POST', '/changes/{revision}:revert'],
  sendTestRequest: ['POST', '/test-requests'],
  setUp: ['POST', '/setup'],
  silenceAlert: ['POST', '/alerts:silence'],
  streamHandshakes: ['GET', '/handshakes:stream'],
  testAlertReceiver: ['POST', '/alerts:test'],
  unsilenceAlert: ['POST', '/alerts:unsilence'],
} as const;

/** What somebody may do, as `getSession` lists it. */
export type Act =
  | 'account.read'
  | 'account.write'
  | 'alerts.test'
  | 'alerts.write'
  | 'audit.read'
  | 'certificates.inspect'
  | 'certificates.write'
  | 'changes.read'
  | 'config.plan'
  | 'config.read'
  | 'config.write'
  | 'gateways.read'
  | 'gateways.write'
  | 'handshakes.read'
  | 'identities.read'
  | 'requests.test'
  | 'routes.match'
  | 'services.probe'
  | 'tokens.read'
  | 'tokens.write'
  | 'trustAudits.read'
  | 'trustAudits.record'
  | 'users.read'
  | 'users.write';

export type Operations = {
  /** The next version: whatever is there now is replaced, and kept. */
  addCaBundleVersion: {
    params: { id: string };
    query: { wait?: "local" | "all"; canary?: string; dryRun?: "true" | "false" };
    body: Shape6278c02f | {
      value: Record<string, unknown>;
      reason?: string;
    };
    answer: Shape1b3435e4 | Shape7e3985f1;
    conditional: false;
  };
  /** Uploads the next version, for who renews: whatever is there now is replaced, and kept. The key may stay. */
  addCertificateVersion: {
    params: { id: string };
    query: { wait?: "local" | "all"; canary?: string; dryRun?: "true" | "false" };
    body: Shapeb3420960;
    answer: Shape1b3435e4 | Shape7e3985f1;
    conditional: false;
  };
  /** Makes changes as one revision, and answers when this gateway has it in force, or why not. */
  applyConfig: {
    params: undefined;
    query: { wait?: "local" | "all"; canary?: string };
    body: {
      parent: number;
      changes: (Shape4bd8456d | {
        kind: "certificates" | "caBundles" | "services" | "middlewares" | "routes" | "policies";
        id: string;
        operation: "delete";
      })[];
      reason?: string;
    };
    answer: Shape1b3435e4;
    conditional: false;
  };
  /** Begins a login with the identity provider: where the browser goes. The cookie is needed to finish it, within ten minutes. */
  beginByProvider: {
    params: undefined;
    query: undefined;
    body: undefined;
    answer: {
      url: string;
    };
    conditional: false;
  };
  /** Changes what is named of one of the ca-bundles (JSON Merge Patch): null takes away, what is absent stays. */
  changeCaBundle: {
    params: { id: string };
    query: { wait?: "local" | "all"; canary?: string; dryRun?: "true" | "false" };
    body: {
      value: Record<string, unknown>;
      reason?: string;
    };
    answer: Shape1b3435e4 | Shape7e3985f1;
    conditional: true;
  };
  /** Puts another chain under the id; where no key comes along, the one that is there stays. */
  changeCertificate: {
    params: { id: string };
    query: { wait?: "local" | "all"; canary?: string; dryRun?: "true" | "false" };
    body: Shapeb3420960;
    answer: Shape1b3435e4 | Shape7e3985f1;
    conditional: true;
  };
  /** Changes what is named of one of the middlewares (JSON Merge Patch): null takes away, what is absent stays. */
  changeMiddleware: {
    params: { id: string };
    query: { wait?: "local" | "all"; canary?: string; dryRun?: "true" | "false" };
    body: {
      value: Record<string, unknown>;
      reason?: string;
    };
    answer: Shape1b3435e4 | Shape7e3985f1;
    conditional: true;
  };
  /** Changes the own password. Every session of the user ends, this one too. */
  changePassword: {
    params: undefined;
    query: undefined;
    body: {
      password: string;
      newPassword: string;
    };
    answer: undefined;
    conditional: false;
  };
  /** Changes what is named of one of the policies (JSON Merge Patch): null takes away, what is absent stays. */
  changePolicy: {
    params: { id: string };
    query: { wait?: "local" | "all"; canary?: string; dryRun?: "true" | "false" };
    body: {
      value: Record<string, unknown>;
      reason?: string;
    };
    answer: Shape1b3435e4 | Shape7e3985f1;
    conditional: true;
  };
  /** Changes what is named of one of the routes (JSON Merge Patch): null takes away, what is absent stays. */
  changeRoute: {
    params: { id: string };
    query: { wait?: "local" | "all"; canary?: string; dryRun?: "true" | "false" };
    body: {
      value: Record<string, unknown>;
      reason?: string;
    };
    answer: Shape1b3435e4 | Shape7e3985f1;
    conditional: true;
  };
  /** Changes what is named of one of the services (JSON Merge Patch): null takes away, what is absent stays. */
  changeService: {
    params: { id: string };
    query: { wait?: "local" | "all"; canary?: string; dryRun?: "true" | "false" };
    body: {
      value: Record<string, unknown>;
      reason?: string;
    };
    answer: Shape1b3435e4 | Shape7e3985f1;
    conditional: true;
  };
  /** Changes what is named. Another role or password, and disabled, end the sessions of the user. */
  changeUser: {
    params: { id: string };
    query: undefined;
    body: {
      name?: string;
      role?: "viewer" | "operator" | "admin";
      password?: string;
      disabled?: boolean;
    };
    answer: Shape00156093;
    conditional: true;
  };
  /** Makes a CA bundle, from files or in the words of the configuration. */
  createCaBundle: {
    params: undefined;
    query: { wait?: "local" | "all"; canary?: string; dryRun?: "true" | "false" };
    body: {
      id: string;
      files: ({
        name: string;
        text: string;
      } | {
        name: string;
        base64: string;
      })[];
      reason?: string;
    } | {
      id: string;
      value: Record<string, unknown>;
      reason?: string;
    };
    answer: Shape1b3435e4 | Shape7e3985f1;
    conditional: false;
  };
  /** Uploads a certificate with its key under a new id. The key is sealed, and given out to nobody. */
  createCertificate: {
    params: undefined;
    query: { wait?: "local" | "all"; canary?: string; dryRun?: "true" | "false" };
    body: {
      id: string;
      files: ({
        name: string;
        text: string;
      } | {
        name: string;
        base64: string;
      })[];
      password?: string;
      use?: "server" | "client" | "any";
      reason?: string;
    };
    answer: Shape1b3435e4 | Shape7e3985f1;
    conditional: false;
  };
  /** Makes one of the middlewares. */
  createMiddleware: {
    params: undefined;
    query: { wait?: "local" | "all"; canary?: string; dryRun?: "true" | "false" };
    body: {
      id: string;
      value: Record<string, unknown>;
      reason?: string;
    };
    answer: Shape1b3435e4 | Shape7e3985f1;
    conditional: false;
  };
  /** Makes one of the policies. */
  createPolicy: {
    params: undefined;
    query: { wait?: "local" | "all"; canary?: string; dryRun?: "true" | "false" };
    body: {
      id: string;
      value: Record<string, unknown>;
      reason?: string;
    };
    answer: Shape1b3435e4 | Shape7e3985f1;
    conditional: false;
  };
  /** Makes one of the routes. */
  createRoute: {
    params: undefined;
    query: { wait?: "local" | "all"; canary?: string; dryRun?: "true" | "false" };
    body: {
      id: string;
      value: Record<string, unknown>;
      reason?: string;
    };
    answer: Shape1b3435e4 | Shape7e3985f1;
    conditional: false;
  };
  /** Makes one of the services. */
  createService: {
    params: undefined;
    query: { wait?: "local" | "all"; canary?: string; dryRun?: "true" | "false" };
    body: {
      id: string;
      value: Record<string, unknown>;
      reason?: string;
    };
    answer: Shape1b3435e4 | Shape7e3985f1;
    conditional: false;
  };
  /** Makes a token. Its secret is in this one answer and nowhere else. */
  createToken: {
    params: undefined;
    query: undefined;
    body: {
      name: string;
      scopes: ("config.read" | "changes.read" | "gateways.read" | "gateways.write" | "handshakes.read" | "identities.read" | "trustAudits.read" | "routes.match" | "account.read" | "certificates.inspect" | "services.probe" | "requests.test" | "alerts.write" | "alerts.test" | "config.plan" | "config.write" | "certificates.write" | "trustAudits.record" | "users.read" | "audit.read")[];
      days: number;
    };
    answer: {
      id: string;
      userId: string;
      name: string;
      scopes: string[];
      createdAt: string;
      expiresAt: string;
      usedAt: string | null;
      secret: string | null;
    };
    conditional: false;
  };
  /** Makes a user. */
  createUser: {
    params: undefined;
    query: undefined;
    body: {
      name: string;
      role: "viewer" | "operator" | "admin";
      password: string;
    };
    answer: Shape00156093;
    conditional: false;
  };
  /** Removes one of the ca-bundles, where nothing refers to it. */
  deleteCaBundle: {
    params: { id: string };
    query: { wait?: "local" | "all"; canary?: string; dryRun?: "true" | "false"; reason?: string };
    body: undefined;
    answer: Shape1b3435e4 | Shape7e3985f1;
    conditional: true;
  };
  /** Removes one of the certificates, where nothing refers to it. */
  deleteCertificate: {
    params: { id: string };
    query: { wait?: "local" | "all"; canary?: string; dryRun?: "true" | "false"; reason?: string };
    body: undefined;
    answer: Shape1b3435e4 | Shape7e3985f1;
    conditional: true;
  };
  /** Removes one of the middlewares, where nothing refers to it. */
  deleteMiddleware: {
    params: { id: string };
    query: { wait?: "local" | "all"; canary?: string; dryRun?: "true" | "false"; reason?: string };
    body: undefined;
    answer: Shape1b3435e4 | Shape7e3985f1;
    conditional: true;
  };
  /** Removes one of the policies, where nothing refers to it. */
  deletePolicy: {
    params: { id: string };
    query: { wait?: "local" | "all"; canary?: string; dryRun?: "true" | "false"; reason?: string };
    body: undefined;
    answer: Shape1b3435e4 | Shape7e3985f1;
    conditional: true;
  };
  /** Removes one of the routes, where nothing refers to it. */
  deleteRoute: {
    params: { id: string };
    query: { wait?: "local" | "all"; canary?: string; dryRun?: "true" | "false"; reason?: string };
    body: undefined;
    answer: Shape1b3435e4 | Shape7e3985f1;
    conditional: true;
  };
  /** Removes one of the services, where nothing refers to it. */
  deleteService: {
    params: { id: string };
    query: { wait?: "local" | "all"; canary?: string; dryRun?: "true" | "false"; reason?: string };
    body: undefined;
    answer: Shape1b3435e4 | Shape7e3985f1;
    conditional: true;
  };
  /** Ends a token. */
  deleteToken: {
    params: { id: string };
    query: undefined;
    body: undefined;
    answer: undefined;
    conditional: false;
  };
  /** Removes a user with sessions and tokens. */
  deleteUser: {
    params: { id: string };
    query: undefined;
    body: undefined;
    answer: undefined;
    conditional: false;
  };
  /** For the identity provider: somebody has logged out there (OpenID Connect Back-Channel Logout 1.0). */
  endByProvider: {
    params: undefined;
    query: undefined;
    body: {
      logout_token: string;
    };
    answer: {
      ended: number;
    };
    conditional: false;
  };
  /** Ends every session of a user. His tokens stay. */
  endSessions: {
    params: { id: string };
    query: undefined;
    body: undefined;
    answer: undefined;
    conditional: false;
  };
  /** The objects of the store as YAML that `countersign apply` takes. No key is in it, sealed ones by reference. */
  exportStore: {
    params: undefined;
    query: undefined;
    body: undefined;
    answer: undefined;
    conditional: false;
  };
  /** One of the ca-bundles. */
  getCaBundle: {
    params: { id: string };
    query: undefined;
    body: undefined;
    answer: {
      id: string;
      origin: {
        kind: "file";
        place: {
          file: string;
          line: number;
        };
      } | {
        kind: "store";
        revision: number;
      };
      source: string | null;
      certificates: Shape64f302eb[];
      usedBy: ({
        kind: "services" | "policies" | "routes" | "alerts";
        id: string;
      })[];
      changedIn: number | null;
      running: true;
      value: Record<string, unknown> | null;
    } | Shape358a04b8;
    conditional: false;
  };
  /** One of the certificates. */
  getCertificate: {
    params: { id: string };
    query: undefined;
    body: undefined;
    answer: {
      id: string;
      origin: {
        kind: "file";
        place: {
          file: string;
          line: number;
        };
      } | {
        kind: "store";
        revision: number;
      };
      chain: Shape64f302eb[];
      source: string | null;
      usedBy: ({
        kind: "services" | "policies" | "routes" | "alerts";
        id: string;
      })[];
      changedIn: number | null;
      running: true;
      value: Record<string, unknown> | null;
    } | Shape358a04b8;
    conditional: false;
  };
  /** The chain that runs under the id, or is stored, as PEM: leaf first, no key. */
  getCertificateChain: {
    params: { id: string };
    query: undefined;
    body: undefined;
    answer: undefined;
    conditional: false;
  };
  /** A revision, and what is different from the one before. */
  getChange: {
    params: { revision: string };
    query: undefined;
    body: undefined;
    answer: {
      revision: number;
      at: string;
      actor: string;
      reason: string | null;
      digest: string;
      content: string;
      canary: string[] | null;
      differences: ({
        kind: string;
        id: string;
        change: "added" | "removed" | "changed";
        fields: ({
          pointer: string;
          [more: string]: unknown;
        })[];
        more: boolean;
      })[];
    };
    conditional: false;
  };
  /** What one gateway runs, and what it refused. */
  getGateway: {
    params: { name: string };
    query: undefined;
    body: undefined;
    answer: Shape5f987a99;
    conditional: false;
  };
  /** One group of failed handshakes, with the newest step by step up to the one that broke. */
  getHandshake: {
    params: { id: string };
    query: undefined;
    body: undefined;
    answer: {
      id: string;
      gateway: string;
      side: "client" | "backend";
      code: string;
      title: string;
      count: number;
      firstAt: string;
      lastAt: string;
      sentence: string;
      detail: string;
      help: string;
      policy: string | null;
      remoteAddress: string | null;
      serverName: string | null;
      address: string | null;
      services: string[];
      certificate: {
        subject: string;
        issuer: string;
        serial: string;
        sha256: string;
        sans: string[];
        notBefore: string;
        notAfter: string;
      } | null;
      steps: Shapee862c292[];
      openssl: string;
    };
    conditional: false;
  };
  /** One of the middlewares. */
  getMiddleware: {
    params: { id: string };
    query: undefined;
    body: undefined;
    answer: {
      id: string;
      origin: {
        kind: "file";
        place: {
          file: string;
          line: number;
        };
      } | {
        kind: "store";
        revision: number;
      };
      type: string;
      usedBy: ({
        kind: "services" | "policies" | "routes" | "alerts";
        id: string;
      })[];
      changedIn: number | null;
      running: true;
      value: Record<string, unknown> | null;
    } | Shape358a04b8;
    conditional: false;
  };
  /** What needs you now, how many trust relations hold, traffic of the last hour, what expires. */
  getOverview: {
    params: undefined;
    query: undefined;
    body: undefined;
    answer: {
      checkedAt: string;
      revision: number;
      gateways: {
        known: number;
        current: number;
      };
      relations: {
        total: number;
        holds: number;
        failing: number;
        unknown: number;
      };
      needs: Shape8b917f9f[];
      traffic: ({
        at: string;
        requests: Record<string, number>;
        faults: Record<string, number>;
        handshakes: Record<string, number>;
      })[];
      expiries: ({
        name: string;
        role: string;
        notBefore: string;
        notAfter: string;
        state: "valid" | "expiresSoon" | "expired" | "notYetValid";
        shareLeft: number;
        inUse: boolean;
        object: {
          kind: string;
          id: string;
        } | null;
      })[];
    };
    conditional: false;
  };
  /** One of the policies. */
  getPolicy: {
    params: { id: string };
    query: undefined;
    body: undefined;
    answer: {
      id: string;
      origin: {
        kind: "file";
        place: {
          file: string;
          line: number;
        };
      } | {
        kind: "store";
        revision: number;
      };
      hosts: string[];
      clientCertificate: "required" | "optional" | "off";
      caBundles: string[];
      certificates: string[];
      shows: Shapebe2acfd8[];
      minVersion: string;
      maxVersion: string;
      allowedSANs: (Record<string, string | boolean | Record<string, string | boolean>>)[] | null;
      allowedFingerprints: string[] | null;
      allowedSPKI: string[] | null;
      trustDomains: string[];
      crl: boolean;
      ocsp: "soft" | "hard" | null;
      changedIn: number | null;
      running: true;
      value: Record<string, unknown> | null;
    } | Shape358a04b8;
    conditional: false;
  };
  /** One trust relation, `POLICY~SERVICE`. */
  getRelation: {
    params: { id: string };
    query: undefined;
    body: undefined;
    answer: Shape9ed842dd;
    conditional: false;
  };
  /** One of the routes. */
  getRoute: {
    params: { id: string };
    query: undefined;
    body: undefined;
    answer: {
      id: string;
      origin: {
        kind: "file";
        place: {
          file: string;
          line: number;
        };
      } | {
        kind: "store";
        revision: number;
      };
      hosts: string[];
      path: string;
      methods: string[];
      priority: number;
      service: string | null;
      backends: string[];
      middlewares: ({
        name: string;
        type: string;
      })[];
      requiresClientCertificate: boolean | null;
      changedIn: number | null;
      running: true;
      value: Record<string, unknown> | null;
    } | Shape358a04b8;
    conditional: false;
  };
  /** One of the services. */
  getService: {
    params: { id: string };
    query: undefined;
    body: undefined;
    answer: {
      id: string;
      origin: {
        kind: "file";
        place: {
          file: string;
          line: number;
        };
      } | {
        kind: "store";
        revision: number;
      };
      source: "dns" | "static";
      protocol: "auto" | "http1" | "http2";
      addresses: Shapeb3a1108b[];
      tls: Shapec66b8be1;
      healthCheck: Shapebd6de9f3 | null;
      usedBy: ({
        kind: "services" | "policies" | "routes" | "alerts";
        id: string;
      })[];
      changedIn: number | null;
      running: true;
      value: Record<string, unknown> | null;
    } | Shape358a04b8;
    conditional: false;
  };
  /** Who asks, and what he may do. */
  getSession: {
    params: undefined;
    query: undefined;
    body: undefined;
    answer: Shape1ed61133;
    conditional: false;
  };
  /** Whether there is no user yet, and which ways in there are beside a password. */
  getSetup: {
    params: undefined;
    query: undefined;
    body: undefined;
    answer: {
      needed: boolean;
      certificate?: {
        role: "viewer" | "operator" | "admin" | null;
        subject: string | null;
        why: string | null;
      };
      provider?: {
        name: string;
      };
    };
    conditional: false;
  };
  /** A review as it was recorded, verified against its digest in the audit log. */
  getTrustAudit: {
    params: { id: string };
    query: undefined;
    body: undefined;
    answer: {
      id: string;
      at: string;
      by: string;
      reason: string;
      review: Shape0cb022bc;
      decisions: ({
        store: {
          kind: "bundle" | "policy";
          id: string;
        };
        sha256: string;
        decision: "keep" | "remove" | "ask";
        note: string;
      })[];
    };
    conditional: false;
  };
  /** The same as CSV (RFC 4180), a line for each anchor. */
  getTrustAuditCsv: {
    params: { id: string };
    query: undefined;
    body: undefined;
    answer: undefined;
    conditional: false;
  };
  /** A user; its ETag is needed to change it. */
  getUser: {
    params: { id: string };
    query: undefined;
    body: undefined;
    answer: Shape00156093;
    conditional: false;
  };
  /** Reads and lints what somebody is about to upload. Stores nothing. */
  inspectCertificates: {
    params: undefined;
    query: undefined;
    body: {
      use: "server" | "client" | "any" | "ca";
      files: ({
        name: string;
        text: string;
      } | {
        name: string;
        base64: string;
      })[];
      password?: string;
    };
    answer: {
      usable: boolean;
      certificates: Shape64f302eb[];
      key: "fits" | "none" | "other" | null;
      problems: ({
        severity: "error" | "warning";
        code: string;
        message: string;
        hint: string;
      })[];
    };
    conditional: false;
  };
  /** Who is told of alerts, and what became of the last messages. */
  listAlertReceivers: {
    params: undefined;
    query: undefined;
    body: undefined;
    answer: {
      items: ({
        name: string;
        target: string;
        format: "json" | "slack";
        signed: boolean;
        certificateId: string | null;
        on: string[] | null;
        severity: "failing" | "degraded" | "due";
        timeoutMs: number;
        repeatMs: number;
        failures: number;
        nextAttemptAt: string | null;
        deliveries: ({
          id: string;
          createdAt: string;
          state: "pending" | "delivered" | "given_up";
          summary: string;
          tries: number;
          attempts: Shape9dc5c7c5[];
        })[];
      })[];
      next: null;
    };
    conditional: false;
  };
  /** What needs you now at any gateway, worst first, and what ended in the last day. */
  listAlerts: {
    params: undefined;
    query: { limit?: number; cursor?: string; active?: "true" | "false" };
    body: undefined;
    answer: {
      items: Shape8b917f9f[];
      next: string | null;
    };
    conditional: false;
  };
  /** Who did what, newest first; each entry with the hash of the one before. */
  listAudit: {
    params: undefined;
    query: { limit?: number; cursor?: string; subject?: string; actor?: string };
    body: undefined;
    answer: {
      items: ({
        seq: number;
        at: string;
        actor: string;
        reason: string | null;
        action: string;
        subject: string;
        detail: Record<string, unknown> | null;
        hash: string;
      })[];
      next: string | null;
    };
    conditional: false;
  };
  /** Every version that stood under the id, newest first; none of what stands in a file. */
  listCaBundleVersions: {
    params: { id: string };
    query: undefined;
    body: undefined;
    answer: Shape6565fd09;
    conditional: false;
  };
  /** What runs, and what is stored and does not: ca-bundles. */
  listCaBundles: {
    params: undefined;
    query: { limit?: number; cursor?: string };
    body: undefined;
    answer: {
      items: ({
        id: string;
        origin: {
          kind: "file";
          place: {
            file: string;
            line: number;
          };
        } | {
          kind: "store";
          revision: number;
        };
        source: string | null;
        certificates: Shape64f302eb[];
        usedBy: ({
          kind: "services" | "policies" | "routes" | "alerts";
          id: string;
        })[];
        changedIn: number | null;
        running: true;
      } | Shape994df652)[];
      next: string | null;
    };
    conditional: false;
  };
  /** Every version that stood under the id, newest first; none of what stands in a file. */
  listCertificateVersions: {
    params: { id: string };
    query: undefined;
    body: undefined;
    answer: Shape6565fd09;
    conditional: false;
  };
  /** What runs, and what is stored and does not: certificates. */
  listCertificates: {
    params: undefined;
    query: { limit?: number; cursor?: string };
    body: undefined;
    answer: {
      items: ({
        id: string;
        origin: {
          kind: "file";
          place: {
            file: string;
            line: number;
          };
        } | {
          kind: "store";
          revision: number;
        };
        chain: Shape64f302eb[];
        source: string | null;
        usedBy: ({
          kind: "services" | "policies" | "routes" | "alerts";
          id: string;
        })[];
        changedIn: number | null;
        running: true;
      } | Shape994df652)[];
      next: string | null;
    };
    conditional: false;
  };
  /** Revisions of the store, newest first. */
  listChanges: {
    params: undefined;
    query: { limit?: number; cursor?: string };
    body: undefined;
    answer: {
      items: ({
        revision: number;
        at: string;
        actor: string;
        reason: string | null;
        digest: string;
        content: string;
        canary: string[] | null;
      })[];
      next: string | null;
      rollout: Shapef03f78c0 | null;
    };
    conditional: false;
  };
  /** What runs against what is meant, oldest first: on this gateway now, on others by their last report. */
  listDrift: {
    params: undefined;
    query: undefined;
    body: undefined;
    answer: {
      items: Shapea9ee1cbf[];
      next: null;
    };
    conditional: false;
  };
  /** What each gateway runs, as it says itself: this one now, others by their last report. */
  listGateways: {
    params: undefined;
    query: undefined;
    body: undefined;
    answer: {
      items: Shape5f987a99[];
      next: null;
      rollout: Shapef03f78c0 | null;
    };
    conditional: false;
  };
  /** Handshakes that failed in the last 14 days, grouped by reason and peer, last seen first. */
  listHandshakes: {
    params: undefined;
    query: { limit?: number; cursor?: string; side?: "client" | "backend"; code?: string; gateway?: string; since?: string };
    body: undefined;
    answer: {
      items: ({
        id: string;
        gateway: string;
        side: "client" | "backend";
        code: string;
        title: string;
        count: number;
        firstAt: string;
        lastAt: string;
        sentence: string;
        detail: string;
        help: string;
        policy: string | null;
        remoteAddress: string | null;
        serverName: string | null;
        address: string | null;
        services: string[];
        certificate: {
          subject: string;
          issuer: string;
          serial: string;
          sha256: string;
          sans: string[];
          notBefore: string;
          notAfter: string;
        } | null;
      })[];
      next: string | null;
      dropped: number;
    };
    conditional: false;
  };
  /** Client certificates that were shown, let in or not, by policy, last seen first. */
  listIdentities: {
    params: undefined;
    query: { limit?: number; cursor?: string; within?: "24h" | "7d" | "30d"; policy?: string; gateway?: string; kind?: "accepted" | "strangers" };
    body: undefined;
    answer: {
      items: ({
        id: string;
        policy: string;
        sha256: string;
        subject: string;
        issuer: string;
        serial: string;
        sans: string[];
        notAfter: string;
        serverNames: (string | null)[];
        firstSeen: string;
        lastSeen: string;
        lastAccepted: string | null;
        accepted: number;
        refused: number;
        stranger: boolean;
        code: string;
        title: string;
        detail: string;
        version: string;
        seenAt: ({
          gateway: string;
          lastSeen: string;
          lastAccepted: string | null;
        })[];
      })[];
      next: string | null;
      since: string | null;
      truncated: boolean;
    };
    conditional: false;
  };
  /** Entry points; for each that speaks TLS the policies by server name: what clients are shown and asked for, who came. */
  listListeners: {
    params: undefined;
    query: { limit?: number; cursor?: string };
    body: undefined;
    answer: {
      items: ({
        id: string;
        host: string;
        port: number;
        tls: boolean;
        proxyProtocol: boolean;
        policies: ({
          id: string;
          hosts: string[];
          clientCertificate: "required" | "optional" | "off";
          caBundles: string[];
          shows: Shapebe2acfd8[];
          identities: {
            today: {
              accepted: number;
              refused: number;
            };
            week: {
              accepted: number;
              refused: number;
            };
            anonymous: {
              accepted: number;
              refused: number;
            };
            latest: ({
              subject: string;
              issuer: string;
              lastSeen: string;
              code: string;
            })[];
          };
        })[];
      })[];
      next: string | null;
    };
    conditional: false;
  };
  /** What runs, and what is stored and does not: middlewares. */
  listMiddlewares: {
    params: undefined;
    query: { limit?: number; cursor?: string };
    body: undefined;
    answer: {
      items: ({
        id: string;
        origin: {
          kind: "file";
          place: {
            file: string;
            line: number;
          };
        } | {
          kind: "store";
          revision: number;
        };
        type: string;
        usedBy: ({
          kind: "services" | "policies" | "routes" | "alerts";
          id: string;
        })[];
        changedIn: number | null;
        running: true;
      } | Shape994df652)[];
      next: string | null;
    };
    conditional: false;
  };
  /** What runs, and what is stored and does not: policies. */
  listPolicies: {
    params: undefined;
    query: { limit?: number; cursor?: string };
    body: undefined;
    answer: {
      items: ({
        id: string;
        origin: {
          kind: "file";
          place: {
            file: string;
            line: number;
          };
        } | {
          kind: "store";
          revision: number;
        };
        hosts: string[];
        clientCertificate: "required" | "optional" | "off";
        caBundles: string[];
        certificates: string[];
        shows: Shapebe2acfd8[];
        minVersion: string;
        maxVersion: string;
        allowedSANs: (Record<string, string | boolean | Record<string, string | boolean>>)[] | null;
        allowedFingerprints: string[] | null;
        allowedSPKI: string[] | null;
        trustDomains: string[];
        crl: boolean;
        ocsp: "soft" | "hard" | null;
        changedIn: number | null;
        running: true;
      } | Shape994df652)[];
      next: string | null;
    };
    conditional: false;
  };
  /** Trust relations: a policy, the backends that its requests go to, and how both legs are. */
  listRelations: {
    params: undefined;
    query: { limit?: number; cursor?: string; policy?: string; service?: string; state?: "holds" | "failing" | "unknown" };
    body: undefined;
    answer: {
      items: Shape9ed842dd[];
      next: string | null;
    };
    conditional: false;
  };
  /** What runs, and what is stored and does not: routes. */
  listRoutes: {
    params: undefined;
    query: { limit?: number; cursor?: string };
    body: undefined;
    answer: {
      items: ({
        id: string;
        origin: {
          kind: "file";
          place: {
            file: string;
            line: number;
          };
        } | {
          kind: "store";
          revision: number;
        };
        hosts: string[];
        path: string;
        methods: string[];
        priority: number;
        service: string | null;
        backends: string[];
        middlewares: ({
          name: string;
          type: string;
        })[];
        requiresClientCertificate: boolean | null;
        changedIn: number | null;
        running: true;
      } | Shape994df652)[];
      next: string | null;
    };
    conditional: false;
  };
  /** Certificates of others, as they were shown by clients and backends, strangers among them; what expires first stands first. */
  listSeenCertificates: {
    params: undefined;
    query: { limit?: number; cursor?: string; side?: "client" | "backend" };
    body: undefined;
    answer: {
      items: ({
        id: string;
        side: "client" | "backend";
        sha256: string;
        subject: string;
        issuer: string;
        serial: string;
        sans: string[];
        notAfter: string;
        state: "valid" | "expiresSoon" | "expired" | "notYetValid";
        lastSeen: string;
        by: string[];
        stranger: boolean;
      })[];
      next: string | null;
    };
    conditional: false;
  };
  /** What runs, and what is stored and does not: services. */
  listServices: {
    params: undefined;
    query: { limit?: number; cursor?: string };
    body: undefined;
    answer: {
      items: ({
        id: string;
        origin: {
          kind: "file";
          place: {
            file: string;
            line: number;
          };
        } | {
          kind: "store";
          revision: number;
        };
        source: "dns" | "static";
        protocol: "auto" | "http1" | "http2";
        addresses: Shapeb3a1108b[];
        tls: Shapec66b8be1;
        healthCheck: Shapebd6de9f3 | null;
        usedBy: ({
          kind: "services" | "policies" | "routes" | "alerts";
          id: string;
        })[];
        changedIn: number | null;
        running: true;
      } | Shape994df652)[];
      next: string | null;
    };
    conditional: false;
  };
  /** The own sessions. */
  listSessions: {
    params: undefined;
    query: undefined;
    body: undefined;
    answer: {
      items: ({
        createdAt: string;
        usedAt: string;
        expiresAt: string;
        current: boolean;
      })[];
      next: null;
    };
    conditional: false;
  };
  /** Tokens: of an administrator all, of others their own. A page may hold fewer than its limit. */
  listTokens: {
    params: undefined;
    query: { limit?: number; cursor?: string };
    body: undefined;
    answer: {
      items: ({
        id: string;
        userId: string;
        name: string;
        scopes: string[];
        createdAt: string;
        expiresAt: string;
        usedAt: string | null;
      })[];
      next: string | null;
    };
    conditional: false;
  };
  /** Reviews that were recorded, newest first. */
  listTrustAudits: {
    params: undefined;
    query: { limit?: number; cursor?: string };
    body: undefined;
    answer: {
      items: Shapec81b36f3[];
      next: string | null;
    };
    conditional: false;
  };
  /** Users. */
  listUsers: {
    params: undefined;
    query: { limit?: number; cursor?: string };
    body: undefined;
    answer: {
      items: Shape00156093[];
      next: string | null;
    };
    conditional: false;
  };
  /** Logs in with a password; the cookie is for this host alone. */
  logIn: {
    params: undefined;
    query: undefined;
    body: {
      name: string;
      password: string;
    };
    answer: Shape1ed61133;
    conditional: false;
  };
  /** Logs in with the client certificate of this connection. The cookie counts together with that certificate alone. */
  logInByCertificate: {
    params: undefined;
    query: undefined;
    body: undefined;
    answer: Shape1ed61133;
    conditional: false;
  };
  /** Finishes a login with the identity provider, with the query that it sent the browser back with. */
  logInByProvider: {
    params: undefined;
    query: undefined;
    body: {
      answer: string;
    };
    answer: Shape1ed61133;
    conditional: false;
  };
  /** Ends the session. */
  logOut: {
    params: undefined;
    query: undefined;
    body: undefined;
    answer: undefined;
    conditional: false;
  };
  /** Ends the session, and says where to log out at the identity provider that it began with. */
  logOutEverywhere: {
    params: undefined;
    query: undefined;
    body: undefined;
    answer: {
      url: string | null;
    };
    conditional: false;
  };
  /** An earlier version is current again. Nothing is made anew: keys stay as they were sealed. */
  makeCurrentCaBundleVersion: {
    params: { id: string; version: string };
    query: { wait?: "local" | "all"; canary?: string; dryRun?: "true" | "false"; reason?: string };
    body: undefined;
    answer: Shape1b3435e4 | Shape7e3985f1;
    conditional: false;
  };
  /** An earlier version is current again. Nothing is made anew: keys stay as they were sealed. */
  makeCurrentCertificateVersion: {
    params: { id: string; version: string };
    query: { wait?: "local" | "all"; canary?: string; dryRun?: "true" | "false"; reason?: string };
    body: undefined;
    answer: Shape1b3435e4 | Shape7e3985f1;
    conditional: false;
  };
  /** Which policy, route and backend a request would meet, and why every other route loses. */
  matchRoutes: {
    params: undefined;
    query: undefined;
    body: {
      method: string;
      url: string;
      headers?: string[];
      entryPoint?: string;
      certificate?: string;
    };
    answer: {
      reachesBackend: boolean;
      [more: string]: unknown;
    };
    conditional: false;
  };
  /** What changes would do: what is wrong with them, who may enter then, who of those seen lately would be cut off. */
  planConfig: {
    params: undefined;
    query: undefined;
    body: {
      changes: (Shape4bd8456d | {
        kind: "certificates" | "caBundles" | "services" | "middlewares" | "routes" | "policies";
        id: string;
        operation: "delete";
      })[];
      reason?: string;
    };
    answer: Shape7e3985f1;
    conditional: false;
  };
  /** What other CAs under the id would do: who of those seen lately would be refused or let in. Stores nothing. */
  previewCaBundle: {
    params: { id: string };
    query: undefined;
    body: Shape6278c02f | {
      value: Record<string, unknown>;
      reason?: string;
    };
    answer: Shape7e3985f1;
    conditional: false;
  };
  /** Per trust store each anchor, whom it vouched for and when last at which gateway, and what is wrong with it. */
  previewTrustAudit: {
    params: undefined;
    query: { staleDays?: number };
    body: undefined;
    answer: Shape0cb022bc;
    conditional: false;
  };
  /** Connects to every address of a service as its route does, or would, and says what it speaks or why it refuses. */
  probeService: {
    params: { id: string };
    query: undefined;
    body: undefined;
    answer: Shapef29bde04;
    conditional: false;
  };
  /** The same with a service that is not saved, and with a certificate and a CA bundle that are not. Stores nothing. */
  probeUnsavedService: {
    params: undefined;
    query: undefined;
    body: {
      id?: string;
      value: Record<string, unknown>;
      certificate?: {
        id: string;
        files: ({
          name: string;
          text: string;
        } | {
          name: string;
          base64: string;
        })[];
        password?: string;
      };
      caBundle?: {
        id: string;
        files: ({
          name: string;
          text: string;
        } | {
          name: string;
          base64: string;
        })[];
      };
    };
    answer: Shapef29bde04;
    conditional: false;
  };
  /** Puts what is on trial on some gateways in force for all of them, by a new revision. */
  promoteChange: {
    params: { revision: string };
    query: { wait?: "local" | "all"; dryRun?: "true" | "false"; reason?: string };
    body: undefined;
    answer: Shape1b3435e4 | Shape7e3985f1;
    conditional: false;
  };
  /** Records the review as it is now with the decisions, in the audit log and as a document to keep. */
  recordTrustAudit: {
    params: undefined;
    query: undefined;
    body: {
      staleDays?: number;
      reason: string;
      decisions?: ({
        store: {
          kind: "bundle" | "policy";
          id: string;
        };
        sha256: string;
        decision: "keep" | "remove" | "ask";
        note?: string;
      })[];
    };
    answer: Shapec81b36f3;
    conditional: false;
  };
  /** Forgets a gateway that is silent; it is back when it reports again. */
  removeGateway: {
    params: { name: string };
    query: undefined;
    body: undefined;
    answer: undefined;
    conditional: false;
  };
  /** Puts other CAs under the id: a new version. */
  replaceCaBundle: {
    params: { id: string };
    query: { wait?: "local" | "all"; canary?: string; dryRun?: "true" | "false" };
    body: Shape6278c02f | {
      value: Record<string, unknown>;
      reason?: string;
    };
    answer: Shape1b3435e4 | Shape7e3985f1;
    conditional: true;
  };
  /** Puts another certificate with its key under the id: a new version. */
  replaceCertificate: {
    params: { id: string };
    query: { wait?: "local" | "all"; canary?: string; dryRun?: "true" | "false" };
    body: Shapeb3420960;
    answer: Shape1b3435e4 | Shape7e3985f1;
    conditional: true;
  };
  /** Puts another document in the place of one of the middlewares. */
  replaceMiddleware: {
    params: { id: string };
    query: { wait?: "local" | "all"; canary?: string; dryRun?: "true" | "false" };
    body: {
      value: Record<string, unknown>;
      reason?: string;
    };
    answer: Shape1b3435e4 | Shape7e3985f1;
    conditional: true;
  };
  /** Puts another document in the place of one of the policies. */
  replacePolicy: {
    params: { id: string };
    query: { wait?: "local" | "all"; canary?: string; dryRun?: "true" | "false" };
    body: {
      value: Record<string, unknown>;
      reason?: string;
    };
    answer: Shape1b3435e4 | Shape7e3985f1;
    conditional: true;
  };
  /** Puts another document in the place of one of the routes. */
  replaceRoute: {
    params: { id: string };
    query: { wait?: "local" | "all"; canary?: string; dryRun?: "true" | "false" };
    body: {
      value: Record<string, unknown>;
      reason?: string;
    };
    answer: Shape1b3435e4 | Shape7e3985f1;
    conditional: true;
  };
  /** Puts another document in the place of one of the services. */
  replaceService: {
    params: { id: string };
    query: { wait?: "local" | "all"; canary?: string; dryRun?: "true" | "false" };
    body: {
      value: Record<string, unknown>;
      reason?: string;
    };
    answer: Shape1b3435e4 | Shape7e3985f1;
    conditional: true;
  };
  /** Takes a revision back by a new one, where nothing of it was changed again since. One that is on trial on some gateways ends with it, for all of its trial. */
  revertChange: {
    params: { revision: string };
    query: { wait?: "local" | "all"; dryRun?: "true" | "false"; reason?: string };
    body: undefined;
    answer: Shape1b3435e4 | Shape7e3985f1;
    conditional: false;
  };
  /** Sends one request to this gateway's own entry point, and shows both handshakes, the route and the answer. */
  sendTestRequest: {
    params: undefined;
    query: undefined;
    body: {
      url: string;
      method?: string;
      headers?: ([string, string])[];
      body?: string | null;
      clientCertificateId?: string | null;
      entryPoint?: string;
    };
    answer: {
      entryPoint: string;
      address: string;
      durationMs: number;
      client: Shapee862c292[];
      match: {
        reachesBackend: boolean;
        [more: string]: unknown;
      };
      backends: ({
        backend: string;
        steps: Shapee862c292[];
      })[];
      answer: {
        status: number;
        headers: ([string, string])[];
        text: string | null;
        base64: string | null;
        bytes: number;
        truncated: boolean;
      } | null;
      code: string | null;
      title: string | null;
      help: string | null;
      curl: string;
      openssl: string | null;
    };
    conditional: false;
  };
  /** Makes the first administrator, with the secret of the setup link (behind its #), and logs him in. */
  setUp: {
    params: undefined;
    query: undefined;
    body: {
      secret: string;
      name: string;
      password: string;
    };
    answer: Shape1ed61133;
    conditional: false;
  };
  /** Somebody takes care of it: until then no receiver is told of it, nor reminded. That it is over is told. */
  silenceAlert: {
    params: undefined;
    query: undefined;
    body: {
      alert: string;
      minutes: number;
      reason: string;
    };
    answer: Shape8b917f9f;
    conditional: false;
  };
  /** Failed handshakes as they happen, as server-sent events: failure, gap (some were missed: ask for the list), end. Last-Event-ID goes on after an event. */
  streamHandshakes: {
    params: undefined;
    query: { side?: "client" | "backend"; code?: string; follow?: "true" | "false" };
    body: undefined;
    answer: undefined;
    conditional: false;
  };
  /** Sends a message of test to one receiver, and says step by step what happened. */
  testAlertReceiver: {
    params: undefined;
    query: undefined;
    body: {
      receiver: string;
    };
    answer: {
      receiver: string;
      target: string;
      id: string;
      delivered: boolean;
      steps: Shapee862c292[];
      attempt: Shape9dc5c7c5 | null;
    };
    conditional: false;
  };
  /** Receivers are told of it again. */
  unsilenceAlert: {
    params: undefined;
    query: undefined;
    body: {
      alert: string;
    };
    answer: undefined;
    conditional: false;
  };
};

type Shape00156093 = {
  id: string;
  name: string;
  role: "viewer" | "operator" | "admin";
  disabled: boolean;
  hasPassword: boolean;
  provider: {
    issuer: string;
    subject: string;
  } | null;
  createdAt: string;
};

type Shape0072d338 = {
  gateway: string;
  lastUsed: string;
};

type Shape0ab66e2e = {
  version: number;
  current: boolean;
  since: Shape295ef71b;
  certificates: Shape64f302eb[];
};

type Shape0cb022bc = {
  at: string;
  staleDays: number;
  since: string | null;
  gateways: Shape28b7caa2[];
  stores: Shape2f2a07a5[];
};

type Shape1b3435e4 = {
  revision: number;
  state: "committed" | "pending" | "unchanged" | "elsewhere";
  canary: string[] | null;
  generation: number | null;
  why: string | null;
  warnings: Shape9c5e24eb[];
  changes: Shape6e5ff9c1[];
  access: Shape246bd025 | null;
  clients: Shapee030c18d | null;
  gateways: Shape3a43b4b8[] | null;
};

type Shape1e4e5eda = {
  address: string;
  state: "up" | "partly" | "down" | "unknown";
  lastOk: string | null;
  lastFailure: Shape305532d6 | null;
};

type Shape1ed61133 = {
  user: {
    id: string;
    name: string;
    role: "viewer" | "operator" | "admin";
    hasPassword: boolean;
  };
  acts: ("config.read" | "changes.read" | "gateways.read" | "gateways.write" | "handshakes.read" | "identities.read" | "trustAudits.read" | "routes.match" | "account.read" | "account.write" | "certificates.inspect" | "services.probe" | "requests.test" | "alerts.write" | "alerts.test" | "config.plan" | "config.write" | "certificates.write" | "trustAudits.record" | "tokens.read" | "tokens.write" | "users.read" | "users.write" | "audit.read")[];
  expiresAt: string | null;
};

type Shape1fd7b994 = {
  until: string;
  actor: string;
  reason: string;
};

type Shape223d3a66 = {
  name: string;
  sha256: string;
  serial: string;
  lastAccepted: string;
  gateways: string[];
};

type Shape246bd025 = {
  complete: boolean;
  opened: {
    count: number;
    items: string[];
  };
  closed: {
    count: number;
    items: string[];
  };
  rules: {
    count: number;
    items: string[];
  };
};

type Shape28452f32 = {
  at: string;
  version: string;
};

type Shape28b7caa2 = {
  name: string;
  since: string;
  written: string;
};

type Shape295ef71b = {
  revision: number;
  at: string;
  actor: string;
  reason: string | null;
};

type Shape2f2a07a5 = {
  kind: "bundle" | "policy";
  id: string;
  policies: string[];
  anchors: Shape375cad4d[];
};

type Shape305532d6 = {
  at: string;
  code: string;
  title: string;
  detail: string;
  help: string;
  who: string | null;
};

type Shape358a04b8 = {
  id: string;
  origin: {
    kind: "file";
    place: {
      file: string;
      line: number;
    };
  } | {
    kind: "store";
    revision: number;
  };
  changedIn: number;
  running: false;
  value: Record<string, unknown> | null;
};

type Shape375cad4d = {
  subject: string;
  issuer: string;
  serial: string;
  sha256: string;
  notBefore: string;
  notAfter: string;
  key: string;
  signature: string;
  clients: number | null;
  handshakes: number | null;
  lastUsed: string | null;
  usedAt: Shape0072d338[];
  identities: Shape223d3a66[];
  findings: ({
    code: "expired" | "weak" | "stale" | "expires_soon" | "duplicate" | "cross_signed";
    detail: string;
  })[];
};

type Shape37d1f271 = {
  state: "holds" | "failing" | "unknown" | "none";
  mode: "off" | "optional" | "required" | "tls" | "mtls" | "plain";
  gatewayShows: Shapebe2acfd8[];
  peerShows: Shape92016f84 | null;
  gatewayChecks: Shape6786b831 | null;
  matched: {
    kind: "name" | "rule";
    text: string;
  } | null;
  lastOk: Shape28452f32 | null;
  lastFailure: Shape305532d6 | null;
  unknown: ({
    field: string;
    reason: string;
  })[];
};

type Shape3a43b4b8 = {
  name: string;
  state: "committed" | "refused" | "pending" | "silent";
  revision: number;
  why: string | null;
  problems: Shape646cd816[];
};

type Shape4bd8456d = {
  kind: "certificates" | "caBundles" | "services" | "middlewares" | "routes" | "policies";
  id: string;
  operation: "put";
  value: Record<string, unknown>;
};

type Shape5f987a99 = {
  name: string;
  isThis: boolean;
  state: "current" | "changing" | "behind" | "refused" | "lastGood" | "silent" | "unknown";
  health: "ok" | "partly" | "down" | "unknown";
  joinedAt: string | null;
  reportedAt: string;
  clockSkewMs: number | null;
  expected: {
    revision: number;
    digest: string;
    canary: boolean;
  };
  generation: number;
  revision: number;
  since: string;
  digest: string;
  reloadFailed: boolean;
  refused: Shape724653eb | null;
  store: Shape8937b314 | null;
  workers: Shapeb0edd6fb[];
  certificates: ({
    sha256: string;
    serial: string;
    id: string | null;
  })[];
  certificateCount: number;
  versions: {
    countersign: string;
    node: string;
    openssl: string;
  } | null;
  instance: Shapee7546231 | null;
  clock: string;
  sharedWith: Shapee7546231 | null;
  drift: Shapea9ee1cbf[];
};

type Shape6278c02f = {
  files: ({
    name: string;
    text: string;
  } | {
    name: string;
    base64: string;
  })[];
  reason?: string;
};

type Shape646cd816 = {
  code: string;
  detail: string;
  hint: string;
  place: string;
  object: {
    kind: string;
    id: string;
    pointer: string;
  } | null;
};

type Shape64f302eb = {
  subject: string;
  issuer: string;
  serial: string;
  sha256: string;
  spkiSha256: string;
  sans: ({
    type: string;
    value: string;
  })[];
  sanCount: number;
  notBefore: string;
  notAfter: string;
  state: "valid" | "expiresSoon" | "expired" | "notYetValid";
  isCa: boolean;
  extendedKeyUsage: string[] | null;
  key: string;
};

type Shape6565fd09 = {
  items: Shape0ab66e2e[];
  next: null;
};

type Shape6786b831 = {
  caBundles: string[];
  name: string | null;
  allowedSANs: (Record<string, string | boolean | Record<string, string | boolean>>)[] | null;
  allowedFingerprints: string[] | null;
  allowedSPKI: string[] | null;
  crl: boolean;
  ocsp: "soft" | "hard" | null;
  verified: boolean;
};

type Shape6cb34520 = {
  count: number;
  items: Shapea64ed608[];
};

type Shape6e5ff9c1 = {
  kind: string;
  id: string;
  change: "added" | "removed" | "changed";
  fields: ({
    pointer: string;
  })[];
  more: boolean;
};

type Shape724653eb = {
  revision: number | null;
  at: string;
  why: string;
  blame: "configuration" | "moment" | "defect";
  problems: Shape75d41aca[];
};

type Shape75d41aca = {
  code: string;
  message: string;
  hint: string;
  place: string;
  object: {
    kind: string;
    id: string;
    pointer: string;
  } | null;
};

type Shape77874646 = {
  pointer: string;
  code: string;
  detail: string;
  hint?: string;
  object?: {
    kind: string;
    id: string;
    pointer: string;
  };
  place?: {
    file: string;
    line: number;
  };
};

type Shape7e3985f1 = {
  parent: number;
  usable: boolean;
  errors: Shape77874646[];
  warnings: Shape9c5e24eb[];
  changes: Shape6e5ff9c1[];
  access: Shape246bd025 | null;
  clients: Shapee030c18d | null;
};

type Shape84b0e2ef = {
  count: number;
  items: Shapea64ed608[];
};

type Shape8937b314 = {
  up: boolean;
  revision: number;
  digest: string | null;
  readAt: string | null;
  problem: {
    code: string;
    message: string;
    help: string;
  } | null;
};

type Shape89aaa911 = {
  count: number;
  items: Shapea64ed608[];
};

type Shape8b917f9f = {
  id: string;
  state: "firing" | "resolved";
  severity: "failing" | "degraded" | "due";
  kind: "expiry" | "relation" | "service" | "client" | "reload" | "store" | "revocation" | "workers" | "renewal" | "surge" | "issuer" | "control" | "audit" | "drift" | "gateway";
  code: string;
  gateways: string[];
  sentence: string;
  consequence: string;
  help: string;
  since: string;
  lastSeenAt: string;
  endedAt: string | null;
  object: {
    kind: string;
    id: string;
  } | null;
  toldAt: string | null;
  silence: Shape1fd7b994 | null;
};

type Shape92016f84 = {
  at: string;
  subject: string;
  issuer: string;
  sha256: string;
  sans: string[];
  notAfter: string;
  state: "valid" | "expiresSoon" | "expired" | "notYetValid";
};

type Shape975331da = {
  state: "holds" | "failing" | "unknown" | "none";
  mode: "off" | "optional" | "required" | "tls" | "mtls" | "plain";
  gatewayShows: Shapebe2acfd8[];
  peerShows: Shape92016f84 | null;
  gatewayChecks: Shape6786b831 | null;
  matched: {
    kind: "name" | "rule";
    text: string;
  } | null;
  lastOk: Shape28452f32 | null;
  lastFailure: Shape305532d6 | null;
  unknown: ({
    field: string;
    reason: string;
  })[];
  addresses: Shape1e4e5eda[];
};

type Shape994df652 = {
  id: string;
  origin: {
    kind: "file";
    place: {
      file: string;
      line: number;
    };
  } | {
    kind: "store";
    revision: number;
  };
  changedIn: number;
  running: false;
};

type Shape9c5e24eb = {
  severity: "error" | "warning";
  code: string;
  message: string;
  hint: string;
  object: {
    kind: string;
    id: string;
    pointer: string;
  } | null;
  place: {
    file: string;
    line: number;
  } | null;
};

type Shape9dc5c7c5 = {
  at: string;
  durationMs: number;
  ok: boolean;
  status: number | null;
  code: string;
  why: string;
};

type Shape9ed842dd = {
  id: string;
  policy: string;
  target: string;
  service: string | null;
  routes: string[];
  state: "holds" | "failing" | "unknown" | "none";
  client: Shape37d1f271;
  backend: Shape975331da;
};

type Shapea64ed608 = {
  subject: string;
  names: string[];
  sha256: string | null;
  serverNames: (string | null)[];
  policyBefore: string;
  policy: string;
  lastSeen: string;
  handshakes: number;
  gateways: string[];
  code: string;
  detail: string;
};

type Shapea9ee1cbf = {
  kind: "behind" | "unauthorised" | "behaviour";
  gateway: string;
  key: string;
  code: string;
  sentence: string;
  help: string;
  since: string;
};

type Shapeb0edd6fb = {
  slot: number;
  pid: number;
  serving: boolean;
  generation: number | null;
};

type Shapeb3420960 = {
  files: ({
    name: string;
    text: string;
  } | {
    name: string;
    base64: string;
  })[];
  password?: string;
  use?: "server" | "client" | "any";
  reason?: string;
};

type Shapeb3a1108b = {
  address: string;
  weight: number;
  backup: boolean;
  state: "up" | "partly" | "down" | "unknown";
  since: string | null;
  down: {
    code: string;
    detail: string;
    help: string;
  } | null;
};

type Shapebd6de9f3 = {
  path: string;
  intervalMs: number;
  timeoutMs: number;
  healthyThreshold: number;
  unhealthyThreshold: number;
};

type Shapebe2acfd8 = {
  id: string | null;
  subject: string;
  sha256: string;
  names: string[];
  notBefore: string;
  notAfter: string;
  state: "valid" | "expiresSoon" | "expired" | "notYetValid";
};

type Shapebffe8b91 = {
  count: number;
  items: Shapea64ed608[];
};

type Shapec66b8be1 = {
  mode: "off" | "tls" | "mtls";
  certificateId: string | null;
  caBundle: string | null;
  serverName: string | null;
  verified: boolean;
  notVerifiedBecause: string | null;
  nameCheck: "san" | "commonName";
  minVersion: string;
  maxVersion: string;
  allowedSANs: (Record<string, string | boolean | Record<string, string | boolean>>)[] | null;
  allowedFingerprints: string[] | null;
  allowedSPKI: string[] | null;
  crl: boolean;
};

type Shapec81b36f3 = {
  id: string;
  at: string;
  by: string;
  reason: string;
  anchors: number;
  findings: number;
  decided: {
    keep: number;
    remove: number;
    ask: number;
  };
  digest: string;
  entry: number;
};

type Shaped2539d42 = {
  count: number;
  items: Shapea64ed608[];
};

type Shapee030c18d = {
  since: string;
  days: number;
  identities: number;
  cutOff: Shape89aaa911;
  admitted: Shape6cb34520;
  changed: Shaped2539d42;
  undecided: Shapebffe8b91;
  anonymousCutOff: Shape84b0e2ef;
  anonymousAdmitted: Shapee27c306a;
  notLookedAt: string[];
};

type Shapee27c306a = {
  count: number;
  items: Shapea64ed608[];
};

type Shapee7546231 = {
  id: string;
  machine: string;
  url: string;
  pid: number;
  startedAt: string;
};

type Shapee862c292 = {
  step: "dns" | "tcp" | "tls" | "certificate" | "chain" | "name" | "client_auth" | "own" | "answer";
  name: string;
  status: "ok" | "failed" | "unknown";
  text: string;
  notes: string[];
  failure: {
    code: string;
    cause: string;
    remedy: string;
    raw: string;
  } | null;
};

type Shapef03f78c0 = {
  revision: number;
  base: number;
  gateways: string[];
  actor: string;
  at: string;
  reason: string | null;
};

type Shapef29bde04 = {
  backends: ({
    route: string;
    backend: string;
    ok: boolean;
    failure: {
      cause: string;
      remedy: string;
      [more: string]: unknown;
    } | null;
    [more: string]: unknown;
  })[];
};
