// Claims jobs and runs them until SIGTERM. Settings come from the environment: DATABASE_URL, REDIS_URL.

import WorkerRuntime

try await WorkerApplication.run(plugins: [Greeter()])
