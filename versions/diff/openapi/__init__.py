"""OpenAPI and Swagger documents: operations, parameters, bodies, responses, security."""
