"""The methods of both clients: a line for each operation, and for each list that has pages."""

from soundalike.client import endpoints
from soundalike.client.binding import Listing, Operation


class Operations:
    """Every operation as a method, and an iterator over all pages for those that have pages."""

    check_liveness = Operation(endpoints.check_liveness)
    check_readiness = Operation(endpoints.check_readiness)
    get_metrics = Operation(endpoints.get_metrics)
    get_index = Operation(endpoints.get_index)
    publish_version = Operation(endpoints.publish_version)
    get_pipeline = Operation(endpoints.get_pipeline)
    list_failures = Operation(endpoints.list_failures)
    retry_failures = Operation(endpoints.retry_failures)
    list_roots = Operation(endpoints.list_roots)
    list_facet_values = Operation(endpoints.list_facet_values)
    get_stats = Operation(endpoints.get_stats)
    get_map = Operation(endpoints.get_map)
    get_map_points = Operation(endpoints.get_map_points)
    look_up_tracks = Operation(endpoints.look_up_tracks)
    list_tracks = Operation(endpoints.list_tracks)
    get_track = Operation(endpoints.get_track)
    get_embedding = Operation(endpoints.get_embedding)
    get_lineage = Operation(endpoints.get_lineage)
    get_audio = Operation(endpoints.get_audio)
    get_peaks = Operation(endpoints.get_peaks)
    find_similar_tracks = Operation(endpoints.find_similar_tracks)
    search_tracks_by_examples = Operation(endpoints.search_tracks_by_examples)
    search_tracks_in_batch = Operation(endpoints.search_tracks_in_batch)
    search_tracks_by_audio = Operation(endpoints.search_tracks_by_audio)
    find_journey = Operation(endpoints.find_journey)
    write_playlist = Operation(endpoints.write_playlist)
    get_session = Operation(endpoints.get_session)
    open_browser_session = Operation(endpoints.open_browser_session)
    close_browser_session = Operation(endpoints.close_browser_session)

    all_failures = Listing(endpoints.list_failures)
    all_facet_values = Listing(endpoints.list_facet_values)
    all_tracks = Listing(endpoints.list_tracks)
    all_similar_tracks = Listing(endpoints.find_similar_tracks)
    all_results_by_examples = Listing(endpoints.search_tracks_by_examples)
