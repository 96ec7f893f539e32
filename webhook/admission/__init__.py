"""Admission: an AdmissionReview comes in over TLS, one judgement goes out, and nothing here calls the API server."""
